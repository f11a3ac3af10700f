import type { Microsoft365Bench, Reply } from './microsoft365.ts'

/** A page as somebody in front of a browser has it: what it says, and a form to fill in. */
export interface Page {
  readonly status: number
  readonly text: string
  readonly title: string
  /** AADSTS number of the message on the page; null without one. */
  readonly number: number | null
  /** Where the browser was sent, away from the login service; null while it is still there. */
  readonly leftFor: URL | null
}

/** Somebody at the login service's pages: keeps cookies, and fills in forms. */
export class Browser {
  readonly #bench: Pick<Microsoft365Bench, 'call'>
  readonly #origin: string
  readonly #cookies = new Map<string, string>()
  #page = ''

  constructor(bench: Pick<Microsoft365Bench, 'call'>, loginUrl: string) {
    this.#bench = bench
    this.#origin = new URL(loginUrl).origin
  }

  async open(url: string): Promise<Page> {
    return this.#show(await this.#bench.call(url, { headers: this.#headers() }))
  }

  /** Sends the form of the page that is open, its hidden fields included. */
  async submit(fields: Readonly<Record<string, string>>): Promise<Page> {
    const action = /<form method="post" action="([^"]+)"/.exec(this.#page)?.[1]
    if (action === undefined) throw new Error(`the page has no form: ${this.#page.slice(0, 400)}`)
    const form = { ...hiddenFields(this.#page), ...fields }
    const url = new URL(unescapeHtml(action), this.#origin).href
    return this.#show(
      await this.#bench.call(url, { method: 'POST', form, headers: this.#headers() }),
    )
  }

  /** Opens a page that asks for a password, and answers it and what may follow. */
  async signIn(
    url: string,
    who: { login: string; password: string; code?: string },
  ): Promise<Page> {
    const first = await this.open(url)
    if (first.title !== 'Sign in') return first
    const page = await this.submit({ login: who.login, passwd: who.password })
    if (who.code === undefined || page.title !== 'Verify your identity') return page
    return this.submit({ otc: who.code })
  }

  /** Fields that the page would send by itself, as with `response_mode=form_post`. */
  get fields(): Readonly<Record<string, string>> {
    return hiddenFields(this.#page)
  }

  #headers(): Record<string, string> {
    const cookies = [...this.#cookies].map(([name, value]) => `${name}=${value}`)
    return cookies.length === 0 ? {} : { cookie: cookies.join('; ') }
  }

  #show(reply: Reply): Page {
    for (const cookie of reply.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      this.#cookies.set(name, value)
    }
    this.#page = reply.text
    const number = /data-number="(\d+)"/.exec(reply.text)?.[1]
    const { location } = reply.headers
    return {
      status: reply.status,
      text: reply.text,
      title: /<title>([^<]*)<\/title>/.exec(reply.text)?.[1] ?? '',
      number: number === undefined ? null : Number(number),
      leftFor: location === undefined ? null : new URL(location),
    }
  }
}

function hiddenFields(page: string): Record<string, string> {
  const inputs = page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)
  return Object.fromEntries(
    [...inputs].map(([, name = '', value = '']) => [unescapeHtml(name), unescapeHtml(value)]),
  )
}

function unescapeHtml(text: string): string {
  return text
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .replaceAll('&amp;', '&')
}
