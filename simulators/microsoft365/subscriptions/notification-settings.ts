/** How change notifications travel; times are real time. */
export interface NotificationSettings {
  /** Between a change and the first try to tell of it, and up to `jitterMs` more. */
  readonly lagMs: number
  readonly jitterMs: number
  /** Notifications in one POST, at most. */
  readonly batch: number
  /** Share that is told twice, and share that is never told. */
  readonly duplicateShare: number
  readonly lossShare: number
  readonly isShuffled: boolean
  /** An answer that took longer is none. */
  readonly timeoutMs: number
  /** An answer that took longer counts as slow. */
  readonly slowMs: number
  /** What a slow endpoint is kept waiting. */
  readonly slowDelayMs: number
  /** First wait before a failed delivery is repeated; each later one is twice as long. */
  readonly retryMs: number
  /** After this it is given up. */
  readonly giveUpMs: number
  readonly validationTimeoutMs: number
  readonly maxPerApplication: number
  /** PEM of a CA that endpoints may have their certificates from, beside the public ones. */
  readonly ca: string
}

export const DOCUMENTED: NotificationSettings = {
  lagMs: 0,
  jitterMs: 0,
  batch: 100,
  duplicateShare: 0,
  lossShare: 0,
  isShuffled: false,
  timeoutMs: 10_000,
  slowMs: 10_000,
  slowDelayMs: 10_000,
  retryMs: 1_000,
  giveUpMs: 4 * 60 * 60_000,
  validationTimeoutMs: 10_000,
  maxPerApplication: 100,
  ca: '',
}
