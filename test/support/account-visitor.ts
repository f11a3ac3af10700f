/** Somebody at the account pages without scripts: keeps cookies, and sends forms as a browser does. */
export class Visitor {
  readonly #base: string
  readonly #cookies: Map<string, string>

  /** @param cookies those another browser had */
  constructor(base: string, cookies: ReadonlyMap<string, string> = new Map()) {
    this.#base = base
    this.#cookies = new Map(cookies)
  }

  get cookies(): ReadonlyMap<string, string> {
    return this.#cookies
  }

  open(path: string): Promise<Visited> {
    return this.#call(path, { method: 'GET' })
  }

  submit(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = { 'sec-fetch-site': 'same-origin', origin: 'null' },
  ): Promise<Visited> {
    const body = new URLSearchParams(fields)
    return this.#call(path, { method: 'POST', body, headers })
  }

  /** Follows a link up to the form in which a password is chosen, and sends it. */
  async choosePassword(password: string, again = password): Promise<Visited> {
    const form = hiddenField((await this.open('/account/password')).text, 'form')
    return this.submit('/account/password', { form, new: password, again })
  }

  async #call(path: string, init: RequestInit): Promise<Visited> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { ...(init.headers as Record<string, string>), cookie }
    const response = await fetch(new URL(path, this.#base), {
      ...init,
      headers,
      redirect: 'manual',
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
    const { status } = response
    const location = response.headers.get('location')
    return { status, location, headers: response.headers, text: await response.text() }
  }
}

export interface Visited {
  readonly status: number
  readonly location: string | null
  readonly headers: Headers
  readonly text: string
}

export function hiddenField(page: string, name: string): string {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1] ?? ''
}

/** Path and query of the link in a mail, or in an answer. */
export function linkIn(text: string): string {
  const url = /https?:\/\/\S+\/account\/activate\?token=\S+/.exec(text)?.[0]
  if (url === undefined) throw new Error('there is no link')
  const { pathname, search } = new URL(url)
  return pathname + search
}
