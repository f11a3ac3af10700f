import { jsonBody } from '../../secret-body.ts'
import type { Refusal } from '../target.ts'
import { type GraphCalls, type GraphReply, userPath } from './graph.ts'

/** What became of a password that was to be a person's in Microsoft 365 as well. */
export type PasswordAnswer =
  | { readonly kind: 'taken' }
  /** `message` is for the person; `reason` for whoever administers. Nothing has changed there. */
  | {
      readonly kind: 'refused'
      readonly message: string
      readonly reason: string
      /** What an admin has to mend; null where another password, or another moment, may do. */
      readonly refusal: Refusal | null
    }
  /** Sent, and nobody knows what became of it. */
  | { readonly kind: 'unknown'; readonly message: string; readonly reason: string }

const WEAK = /complexity|banned|weak|password (?:history|policy)|does not comply/i
const ON_PREMISES = /on-premises mastered/i
const READ_AGAIN_MS = 15_000
/** Between their clock, which is read to the second, and ours. */
const CLOCKS_MS = 2_000
const BEFORE = '{"passwordProfile":{"forceChangePasswordNextSignIn":false,"password":"'
const AFTER = '"}}'

const GONE = 'the tenant has no such account'
const UNKNOWN =
  'Microsoft 365 did not answer in time, and it is not known whether it took the new password. Here the old one is still good. Set the password once more.'
const TRY_LATER =
  'Microsoft 365 could not take the password just now. Nothing was changed, there or here. Try again in a minute.'
const ASK_ADMIN =
  'Microsoft 365 does not let us set your password. Nothing was changed, there or here. Tell your administrator.'
const TOO_WEAK =
  'Microsoft 365 does not take this password: it is too weak, too common, or one you have used there before. Nothing was changed. Choose another one.'

/**
 * Sets a person's password in the tenant, once and while she waits: nothing of it is kept, and what
 * is undecided is told, not repeated.
 *
 * @param password UTF-8; it stays the caller's, to wipe
 */
export async function setTenantPassword(
  graph: GraphCalls,
  externalId: string,
  parts: { readonly password: Uint8Array; readonly signal: AbortSignal },
): Promise<PasswordAnswer> {
  const { password, signal } = parts
  const path = userPath(externalId)
  const before = await readChange(graph, path, signal).catch(() => null)
  if (before === null) return refused(TRY_LATER, 'the account could not be read')
  if (before.kind === 'gone') return refused(ASK_ADMIN, GONE, 'gone')
  const body = jsonBody(BEFORE, password, AFTER)
  const sent = { before: before.changedAt, atMs: Date.now() }
  let reply: GraphReply
  try {
    reply = await graph.patch(path, body, signal)
  } catch (error) {
    const why = error instanceof Error ? error.name : 'no answer'
    return await settle(graph, path, { ...sent, why })
  } finally {
    body.fill(0)
  }
  // Of a fault on their side nobody knows how far it came.
  if (reply.kind === 'error' && reply.status >= 500)
    return await settle(graph, path, { ...sent, why: `${reply.status}` })
  return toAnswer(reply)
}

/**
 * A later time than before, and not before it was sent, says that it was taken. The same one says
 * nothing, for reads lag; so does a later one of an earlier change, which the first read missed.
 */
async function settle(
  graph: GraphCalls,
  path: string,
  { before, atMs, why }: { before: string | null; atMs: number; why: string },
): Promise<PasswordAnswer> {
  const after = await readChange(graph, path, AbortSignal.timeout(READ_AGAIN_MS)).catch(() => null)
  const changedMs = after?.kind === 'found' ? Date.parse(after.changedAt ?? '') : Number.NaN
  const isOurs = changedMs > Date.parse(before ?? '1970-01-01') && changedMs >= atMs - CLOCKS_MS
  if (isOurs) return { kind: 'taken' }
  return { kind: 'unknown', message: UNKNOWN, reason: `no answer to the write (${why})` }
}

async function readChange(
  graph: GraphCalls,
  path: string,
  signal: AbortSignal,
): Promise<{ kind: 'gone' } | { kind: 'found'; changedAt: string | null } | null> {
  const reply = await graph.get(`${path}?$select=id,lastPasswordChangeDateTime`, signal)
  if (reply.kind === 'error' && reply.status === 404) return { kind: 'gone' }
  if (reply.kind !== 'ok') return null
  const changedAt = reply.body['lastPasswordChangeDateTime']
  return { kind: 'found', changedAt: typeof changedAt === 'string' ? changedAt : null }
}

function toAnswer(reply: GraphReply): PasswordAnswer {
  if (reply.kind === 'ok') return { kind: 'taken' }
  if (reply.kind === 'throttled') return refused(TRY_LATER, 'Graph asks to slow down')
  const { status, code, message } = reply
  const reason = `${status} ${code}`
  if (ON_PREMISES.test(message))
    return refused(
      'Your password is kept in Active Directory on premises: change it there. Nothing was changed.',
      'the account comes from Active Directory on premises: its password is set there',
      'on-premises',
    )
  if (status === 400 && WEAK.test(message)) return refused(TOO_WEAK, reason)
  if (status === 403)
    return refused(
      ASK_ADMIN,
      `${reason}: the application needs User-PasswordProfile.ReadWrite.All and the role User ` +
        'Administrator; for people with an Entra role, Privileged Authentication Administrator',
      'not-allowed',
    )
  if (status === 404) return refused(ASK_ADMIN, GONE, 'gone')
  return refused(status === 401 || status === 409 ? TRY_LATER : ASK_ADMIN, reason)
}

function refused(message: string, reason: string, refusal: Refusal | null = null): PasswordAnswer {
  return { kind: 'refused', message, reason, refusal }
}
