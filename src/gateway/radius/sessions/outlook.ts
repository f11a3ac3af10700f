import type { Network } from '../../../directory/network.ts'
import type {
  DisconnectStore,
  OpenSession,
  SessionOutlook,
} from '../../../directory/ports/disconnects.ts'
import { type JudgeParts, judgeSession } from './judge.ts'

const PAGE = 500

/** Judges all open sessions as if the network were this one; those that must end anyway count as neither. */
export async function outlookOf(
  network: Network,
  { store, ...parts }: JudgeParts & { readonly store: Pick<DisconnectStore, 'openAfter'> },
): Promise<SessionOutlook> {
  const networks = parts.directory
    .networks()
    .map((each) => (each.id === network.id ? network : each))
  const outlook = { open: 0, ended: 0, moved: 0 }
  let after: string | null = null
  do {
    const page: readonly OpenSession[] = await store.openAfter(after, PAGE)
    outlook.open += page.length
    for (const session of page) {
      if (session.networkId !== network.id || judgeSession(session, parts) !== null) continue
      const kind = judgeSession(session, { ...parts, networks })?.kind
      outlook.ended += Number(kind === 'disconnect')
      outlook.moved += Number(kind === 'change')
    }
    after = page.length === PAGE ? (page.at(-1)?.id ?? null) : null
  } while (after !== null)
  return outlook
}
