import type { AuthEvent } from './auth-event.ts'

/** Which answers are read back: all of it must hold; what is left out is not asked for. */
export interface AnswerFilter {
  readonly principalId?: string
  /** As they were claimed in tries that led to nobody, or ended before anybody was looked for. */
  readonly names?: readonly string[]
  readonly outcome?: AuthEvent['outcome'] | null
  readonly reason?: string
  readonly method?: string
  /** A network's name. */
  readonly network?: string
  readonly nas?: string
  readonly ssid?: string
  /** A MAC address as `aa:bb:cc:dd:ee:ff`, or what else a NAS calls a device. */
  readonly device?: string
  readonly sinceMs?: number | null
  readonly untilMs?: number
  /** Only rows stored after this one, the oldest first instead of the newest. */
  readonly afterId?: string
  readonly limit: number
}

export interface ChangeFilter {
  /** What was changed; for a principal its credentials too, those it no longer has included. */
  readonly entity: string | null
  readonly sinceMs: number | null
  readonly limit: number
}
