import { DOCUMENTED, type NotificationSettings } from '../subscriptions/notification-settings.ts'
import { GOOD_DAY, type Shaping } from './shaping.ts'
import type { ThrottleSettings } from './throttle.ts'

const TIMES = ['delayMs', 'devicePollMs', 'newApplicationLagMs'] as const

/** The switches that stay on until they are changed, beside the fault rules. */
export class Settings {
  shaping: Shaping = GOOD_DAY
  throttling: ThrottleSettings = { quota: 'off', retryAfter: 'seconds' }
  notifications: NotificationSettings = DOCUMENTED
  /** Whether a client assertion is refused when it is presented again. */
  refusesReplays = false
  /** A program that polls its device code sooner is told to slow down. */
  devicePollMs = 0
  /** How long an application made through Graph is unknown to the login service. */
  newApplicationLagMs = 0
  /** Before every Graph answer, in real time. */
  delayMs = 0

  /** @throws {TypeError} for a name that does not exist or a value of another type */
  change(changes: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(changes)) {
      if (name === 'shaping') this.shaping = merged(this.shaping, value)
      else if (name === 'notifications') this.notifications = merged(this.notifications, value)
      else if (name === 'throttling') this.throttling = merged(this.throttling, value)
      else if (name === 'refusesReplays' && typeof value === 'boolean') this.refusesReplays = value
      else if (TIMES.some((time) => time === name) && typeof value === 'number')
        this[name as (typeof TIMES)[number]] = value
      else throw new TypeError(`no setting ${name} of this kind`)
    }
  }

  reset(): void {
    this.shaping = GOOD_DAY
    this.throttling = { quota: 'off', retryAfter: 'seconds' }
    this.notifications = DOCUMENTED
    this.refusesReplays = false
    for (const name of TIMES) this[name] = 0
  }
}

function merged<Value extends object>(before: Value, changes: unknown): Value {
  if (typeof changes !== 'object' || changes === null) throw new TypeError('an object is expected')
  for (const [name, value] of Object.entries(changes)) {
    const known = (before as Record<string, unknown>)[name]
    const isQuota = name === 'quota' && typeof value === 'number'
    if (known === undefined || (typeof known !== typeof value && !isQuota && name !== 'quota'))
      throw new TypeError(`no setting ${name} of this kind`)
  }
  return { ...before, ...changes }
}
