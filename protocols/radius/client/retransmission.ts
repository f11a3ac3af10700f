/** When a request over UDP is repeated, and when it is given up (RFC 5080 §2.2.1). */
export interface Retransmission {
  /** Wait before the first repetition. */
  readonly initialMs: number
  /** No wait is longer. */
  readonly maxWaitMs: number
  /** How often the request is sent, the first time included. */
  readonly maxCount: number
  /** After this the request is given up, whatever is left to send. */
  readonly maxDurationMs: number
}

/** The values RFC 5080 §2.2.1 recommends. */
export const usualRetransmission: Retransmission = Object.freeze({
  initialMs: 2_000,
  maxWaitMs: 16_000,
  maxCount: 5,
  maxDurationMs: 30_000,
})

const JITTER = 0.1

/**
 * The waits behind each sending, in milliseconds: doubling, each off by up to a tenth so that clients
 * which lost packets together do not repeat them together.
 *
 * @param random 0 to 1, exclusive
 */
export function* waits(
  { initialMs, maxWaitMs, maxCount, maxDurationMs }: Retransmission,
  random: () => number = Math.random,
): Generator<number, void> {
  const jitter = (): number => (random() * 2 - 1) * JITTER
  let leftMs = maxDurationMs
  let waitMs = initialMs * (1 + jitter())
  for (let sent = 1; sent <= maxCount && leftMs > 0; sent += 1) {
    yield Math.min(waitMs, leftMs)
    leftMs -= waitMs
    waitMs *= 2 + jitter()
    if (waitMs > maxWaitMs) waitMs = maxWaitMs * (1 + jitter())
  }
}
