import type { ConnectAttempt, ConnectControl } from '../admin/parts.ts'
import type { Attempt } from '../sources/attempt-store.ts'
import { Consents } from '../sources/consent.ts'
import type { Sources } from '../sources/control.ts'
import { PostgresAttemptStore } from '../storage/attempt-store.ts'
import type { DirectoryParts } from './directory.ts'

/** A browser waits for it. */
const FINISH_TIMEOUT_MS = 60_000

/** Connecting with somebody's word from elsewhere. */
export function makeConnect(
  directory: Pick<DirectoryParts, 'database' | 'keys'>,
  sources: Sources,
): ConnectControl {
  const { database, keys } = directory
  const attempts = new PostgresAttemptStore({ db: database, keys })
  const consents = new Consents({ attempts, sources })
  const show = async (attempt: Attempt): Promise<ConnectAttempt> => {
    const { id, way, status, note, sourceId, expiresAtMs } = attempt
    const source = sourceId === null ? null : await sources.nameOf(sourceId)
    return { id, way, status, note, source, expiresAt: new Date(expiresAtMs).toISOString() }
  }
  return {
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
  }
}
