import { Secret, TOTP } from 'otpauth'

const STEP_MS = 30_000

/** An app on a phone: knows the key somebody has scanned or typed. */
export class AuthenticatorApp {
  readonly #secret: Secret
  readonly #madeAtMs = Date.now()

  /** @param key in base 32, as it is shown */
  constructor(key: string) {
    this.#secret = Secret.fromBase32(key.replaceAll(' ', ''))
  }

  /** @param steps later than when it got the key, or than `nowMs`; earlier when negative */
  code(steps = 0, nowMs = this.#madeAtMs): string {
    return TOTP.generate({ secret: this.#secret, timestamp: nowMs + steps * STEP_MS })
  }
}
