import { RadiusError } from '../errors.ts'
import { Conversation } from './conversation.ts'
import type { EapMethod, MethodSetting, TlsVersion } from './method.ts'

/** What TLS, AVP and EAP headers add to an inner packet, so that it fits one outer packet. */
const OVERHEAD_BYTES = 96
const MIN_BYTES = 64

/** A conversation inside the tunnel of another: who the peer is inside is asked anew. */
export function beginInner<Context, Grant>(
  { context, outerIdentity, maxDataBytes }: MethodSetting<Context>,
  methods: readonly EapMethod<Context, Grant>[],
  tls: TlsVersion | null,
): Conversation<Context, Grant> {
  return new Conversation(
    { context, methods },
    {
      owner: '',
      maxEapBytes: Math.max(MIN_BYTES, maxDataBytes - OVERHEAD_BYTES),
      tunnel: { outerIdentity, tls },
      // It ends with the one around it.
      startedAtMs: 0,
    },
  )
}

/** Inside a tunnel the peer answers the last request; there is nobody who could repeat another. */
export function requireIdentifier(given: number, expected: number | null): void {
  if (expected === null || given === expected) return
  throw new RadiusError('EAP_UNEXPECTED', `inner identifier ${given}, not ${expected}`)
}
