import { printable } from '../../foreign-text.ts'
import { SourceError, type Stream } from '../../source.ts'
import type { CallAnswer } from '../calls.ts'

/** Why there is no subscription, and what an admin does about it. */
export interface Refusal {
  readonly error: string
  readonly nextStep: string
}

/** Least privileged application permission for the notifications of a stream. */
export const PERMISSION_FOR: Readonly<Record<Stream, string>> = {
  people: 'User.Read.All',
  groups: 'Group.Read.All',
}

const MAX_MESSAGE = 300

/** Microsoft tells only in a text for people what its own look at our endpoint came to. */
const REACHING: readonly {
  readonly said: RegExp
  readonly error: (host: string, said: string) => string
  readonly nextStep: (host: string) => string
}[] = [
  {
    said: /certificate|SSL|TLS|trust/i,
    error: (host, said) => `Microsoft 365 does not trust the TLS certificate of ${host}: ${said}`,
    nextStep: (host) =>
      `give ${host} a certificate of a public CA, with its whole chain: tls_cert_file and ` +
      'tls_key_file, or the proxy in front; the built-in CA is for devices only',
  },
  {
    said: /timed? ?out/i,
    error: (host) => `Microsoft 365 got no answer from ${host} within its 10 seconds`,
    nextStep: (host) =>
      `make ${host} reachable from the internet on its port, from Microsoft's addresses: look at ` +
      'DNS, firewall and proxy',
  },
  {
    said: /status code|200 OK/i,
    error: (host, said) => `Microsoft 365 reached ${host}, and was turned away: ${said}`,
    nextStep: () =>
      'let the proxy in front pass POST /hooks/microsoft365/ on as it is, without a log-in, a ' +
      'challenge or a redirect',
  },
  {
    said: /validation/i,
    error: (host, said) => `Microsoft 365 could not reach ${host}: ${said}`,
    nextStep: (host) =>
      `make ${host} known in public DNS and reachable from the internet, or leave it at the ` +
      'schedule: source set-live … off',
  },
]

/** What a no of Graph's to a subscription means. */
export function wordsFor(
  answer: Exclude<CallAnswer, { kind: 'ok' }>,
  about: { readonly stream: Stream; readonly host: string },
): Refusal {
  const { stream, host } = about
  if (answer.kind === 'throttled')
    return {
      error: 'Microsoft 365 asks to slow down',
      nextStep: 'nothing to do: it is tried again by itself',
    }
  const { status, code } = answer
  const said = printable(answer.message).slice(0, MAX_MESSAGE)
  if (status === 403 && /limit|quota/i.test(said))
    return {
      error: `Microsoft 365 has no room for another subscription: ${said}`,
      nextStep: 'end subscriptions of the tenant, or of this application, that nobody needs',
    }
  if (status === 401 || status === 403)
    return {
      error: `Microsoft 365 does not let the application be told of ${stream} (${code})`,
      nextStep:
        `grant the application ${PERMISSION_FOR[stream]}, with admin consent; until then ${stream} ` +
        'come by the schedule',
    }
  const known = REACHING.find((each) => each.said.test(said))
  if (status === 400 && known !== undefined)
    return { error: known.error(host, said), nextStep: known.nextStep(host) }
  return {
    error: `Microsoft 365 refused the subscription: ${status} ${code} ${said}`.trim(),
    nextStep: 'report it, with the log of this moment; the schedule goes on',
  }
}

/** What a fault on the way to Graph means; others are bugs, and thrown. */
export function wordsForFault(error: unknown): Refusal {
  if (!(error instanceof SourceError)) throw error
  return {
    error: error.message,
    nextStep:
      error.code === 'SOURCE_REFUSED'
        ? 'mend the app registration as the message says'
        : 'nothing to do: it is tried again by itself',
  }
}
