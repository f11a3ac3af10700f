import { randomBytes } from 'node:crypto'
import { type Answer, replyPage } from '../http/exchange.ts'
import { type FormPage, messagePage } from './pages.ts'

const LIFE_MS = 15 * 60_000
/** Far more than people at a simulator; the oldest are forgotten first. */
const MAX_OPEN = 1_000

interface OpenForm {
  readonly expiresAtMs: number
  readonly handle: (form: URLSearchParams) => Answer
}

/** Pages that wait for their form to come back, each one once. */
export class Forms {
  readonly #open = new Map<string, OpenForm>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  show(
    tenant: string,
    render: (page: FormPage) => string,
    handle: (form: URLSearchParams) => Answer,
  ): Answer {
    const token = randomBytes(24).toString('base64url')
    this.#open.set(token, { expiresAtMs: this.#nowMs() + LIFE_MS, handle })
    const [oldest] = this.#open.keys()
    if (this.#open.size > MAX_OPEN && oldest !== undefined) this.#open.delete(oldest)
    return replyPage(render({ action: `/${encodeURIComponent(tenant)}/login`, token }))
  }

  /** POST /{tenant}/login */
  submit(form: URLSearchParams): Answer {
    const token = form.get('flowToken') ?? ''
    const open = this.#open.get(token)
    this.#open.delete(token)
    if (open === undefined || open.expiresAtMs <= this.#nowMs())
      return replyPage(
        messagePage('Sign in', { number: 165000, text: 'Invalid request. Start anew.' }),
        400,
      )
    return open.handle(form)
  }
}
