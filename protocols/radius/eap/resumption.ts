import type { Authenticate, MethodSetting, Verdict } from './method.ts'
import type { TlsCarrier } from './tls-carrier.ts'
import type { TlsContext } from './tls-context.ts'
import type { KeptSession } from './tls-sessions.ts'

/** What every method that runs in TLS is made with. */
export interface TlsMethodOptions<Context, Grant> {
  /** Asked at each start, so that a renewed certificate serves the next conversation. */
  readonly tls: () => TlsContext
  readonly authenticate: Authenticate<Context, Grant>
  /**
   * Whether somebody with this `resumption` may resume a session: asked before her key is shown, so
   * it answers from memory and records nothing; a no means a whole authentication. When the key has
   * been shown, `authenticate` is asked, and its no is a rejection. Without it nothing is resumed.
   */
  readonly mayResume?: (context: Context, resumption: string) => boolean
}

type Options<Context, Grant> = TlsMethodOptions<Context, Grant>

/** What the carrier asks about a session that a peer names. */
export function resumptionRule<Context, Grant>(
  { mayResume }: Options<Context, Grant>,
  { context, outerIdentity }: MethodSetting<Context>,
): ((kept: KeptSession) => boolean) | null {
  if (mayResume === undefined) return null
  return (kept) => kept.outerIdentity === outerIdentity && mayResume(context, kept.resumption)
}

/**
 * Asks the port about the peer of a resumed session, whose key it has shown by now.
 *
 * @param setting with the TLS that was agreed on this time
 */
export async function authenticateResumed<Context, Grant>(
  { authenticate }: Options<Context, Grant>,
  { context, outerIdentity, tls }: MethodSetting<Context>,
  { name, method, resumption }: KeptSession,
  signal: AbortSignal,
): Promise<Verdict<Grant>> {
  const proof = { kind: 'resumption', resumption } as const
  return await authenticate({ context, outerIdentity, name, method, proof, tls }, signal)
}

/** Keeps the session of somebody the port has just let in; one it gave nothing for ends here. */
export function keepSession<Grant>(
  carrier: TlsCarrier,
  { resumption }: Verdict<Grant> & { readonly ok: true },
  owner: Pick<KeptSession, 'outerIdentity' | 'name' | 'method'>,
): void {
  const { outerIdentity, name, method } = owner
  if (resumption === undefined) carrier.forgetSession()
  else carrier.keepSession({ outerIdentity, name, method, resumption })
}
