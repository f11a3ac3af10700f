import type { NewMicrosoft365, SourceControl, SourceStatus, SyncReport } from '../admin/parts.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { Actor } from '../directory/ports/people.ts'
import type { Service } from '../lifecycle.ts'
import { Microsoft365Source } from '../sources/microsoft365/microsoft365.ts'
import {
  formatSecret,
  GLOBAL_GRAPH_URL,
  GLOBAL_LOGIN_URL,
  type Microsoft365Config,
  parseConfig,
  parseSecret,
} from '../sources/microsoft365/settings.ts'
import type { StoredSource } from '../sources/registry.ts'
import { SyncEngine } from '../sources/sync.ts'
import { PostgresSourceRegistry } from '../storage/sync-sources.ts'
import { PostgresSyncStore } from '../storage/sync-store.ts'
import type { DirectoryParts, Observers } from './directory.ts'

export interface SourceParts {
  readonly control: SourceControl
  readonly services: readonly Service[]
}

const CONNECT_TIMEOUT_MS = 60_000
const SYNC_TIMEOUT_MS = 60 * 60_000

/** Sources: what admins can do with them, and the rounds that run by themselves. */
export function makeSources(
  input: Observers & { readonly directory: DirectoryParts; readonly isScheduled: boolean },
): SourceParts {
  const { directory } = input
  const { database, keys } = directory
  const registry = new PostgresSourceRegistry({ db: database, keys })
  const store = new PostgresSyncStore(database)

  const open = async (stored: StoredSource) => {
    const config = parseConfig(stored.config)
    const source = new Microsoft365Source({
      config,
      secret: parseSecret(await registry.readSecret(stored)),
    })
    return new SyncEngine({ source, store, sourceId: stored.id, scope: config })
  }
  const read = async (name: string) => {
    const found = await registry.find(name)
    if (found === null)
      throw new DirectoryError('DIRECTORY_NOT_FOUND', `there is no source "${name}"`)
    return found
  }
  const control: SourceControl = {
    list: async () => (await registry.list()).map(show),
    async connectMicrosoft365(given, actor) {
      const config = configOf(given)
      const secret = { clientSecret: given.clientSecret, privateKey: given.privateKey }
      checkProof(given)
      const source = new Microsoft365Source({ config, secret })
      const identity = await source.identify(AbortSignal.timeout(CONNECT_TIMEOUT_MS))
      await registry.connect(
        { kind: 'microsoft365', name: given.name, config, secret: formatSecret(secret), identity },
        actorNamed(actor),
      )
      return show(await read(given.name))
    },
    async sync(name, { dryRun, full }) {
      const stored = await read(name)
      const engine = await open(stored)
      const reports = await engine.run({
        signal: AbortSignal.timeout(SYNC_TIMEOUT_MS),
        isDryRun: dryRun,
        isFull: full,
      })
      return {
        source: stored.name,
        dryRun,
        streams: reports.map(({ stream, mode, counts, note }) => ({
          stream,
          mode,
          counts: { ...counts },
          note,
        })),
      } satisfies SyncReport
    },
    async waiting(name) {
      const stored = await read(name)
      const waiting = await registry.listWaiting(stored.id)
      return waiting.map(({ kind, subject, group, sinceMs }) => ({
        kind,
        subject,
        group,
        since: new Date(sinceMs).toISOString(),
      }))
    },
    async approve(name, actor) {
      return await registry.approve((await read(name)).id, actorNamed(actor))
    },
  }
  return { control, services: [] }
}

function actorNamed(name: string): Actor {
  return { name, reason: null }
}

function checkProof({ clientSecret, certificate, privateKey }: NewMicrosoft365): void {
  const hasCertificate = certificate !== null && privateKey !== null
  if ((clientSecret !== null) === hasCertificate)
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      'give either a client secret, or a certificate with its private key',
    )
}

function configOf(given: NewMicrosoft365): Microsoft365Config {
  const { tenantId, clientId, certificate, ca, includeGuests } = given
  return {
    tenantId,
    clientId,
    loginUrl: given.loginUrl ?? GLOBAL_LOGIN_URL,
    graphUrl: given.graphUrl ?? GLOBAL_GRAPH_URL,
    certificate,
    ca,
    includesGuests: includeGuests,
    includesDisabled: true,
  }
}

function show(source: StoredSource): SourceStatus {
  const { id, kind, name, state, stateReason, confirmedAtMs, waitingRemovals } = source
  return {
    id,
    kind,
    name,
    state,
    stateReason,
    lastRoundAt: confirmedAtMs === null ? null : new Date(confirmedAtMs).toISOString(),
    lastError: null,
    nextStep: null,
    waitingRemovals,
  }
}
