import type { ConnectAttempt, ConnectControl } from '../admin/parts.ts'
import type { Service } from '../lifecycle.ts'
import type { Attempt } from '../sources/attempt-store.ts'
import { Consents } from '../sources/consent.ts'
import type { Sources } from '../sources/control.ts'
import { DeviceConnects, GRAPH_TOOLS_CLIENT } from '../sources/device.ts'
import { permissionsOf } from '../sources/microsoft365/steps.ts'
import { PostgresAttemptStore } from '../storage/attempt-store.ts'
import { applicationTag } from '../storage/master-key.ts'
import type { DirectoryParts, Observers } from './directory.ts'
import { told } from './told.ts'

/** A browser waits for it. */
const FINISH_TIMEOUT_MS = 60_000

/** Connecting with somebody's word from elsewhere. */
export function makeConnect(
  input: Observers & { readonly directory: Pick<DirectoryParts, 'database' | 'keys'> },
  sources: Sources,
): { readonly control: ConnectControl; readonly service: Service } {
  const { database, keys } = input.directory
  const attempts = new PostgresAttemptStore({ db: database, keys })
  const devices = new DeviceConnects({
    attempts,
    sources,
    tag: applicationTag(keys.current),
    onFault: (error) => input.log.error('connect.fault', { error }),
  })
  const consents = new Consents({ attempts, sources })
  const show = async (attempt: Attempt): Promise<ConnectAttempt> => {
    const { id, way, status, note, sourceId, expiresAtMs } = attempt
    const source = sourceId === null ? null : await sources.nameOf(sourceId)
    return { id, way, status, note, source, expiresAt: new Date(expiresAtMs).toISOString() }
  }
  const control: ConnectControl = {
    async beginConsent(request, redirectUri, actor) {
      const { attempt, url } = await consents.begin(request, { redirectUri, actor })
      return { ...(await show(attempt)), url, redirectUri }
    },
    async finishConsent(returned) {
      const attempt = await consents.finish(returned, AbortSignal.timeout(FINISH_TIMEOUT_MS))
      return attempt && (await show(attempt))
    },
    async find(id) {
      const attempt = await attempts.find(id)
      return attempt && (await show(attempt))
    },
    async beginDevice(given, actor) {
      const publicClientId = given.publicClientId ?? GRAPH_TOOLS_CLIENT
      const signal = AbortSignal.timeout(FINISH_TIMEOUT_MS)
      const { attempt, code, scopes } = await told(
        devices.begin({ ...given, publicClientId }, actor, signal),
      )
      const { userCode, verificationUri } = code
      const permissions = permissionsOf(given.tier, given.extras)
      return {
        ...(await show(attempt)),
        userCode,
        verificationUri,
        publicClientId,
        scopes,
        permissions,
      }
    },
  }
  return { control, service: devices }
}
