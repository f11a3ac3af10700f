import { isIP } from 'node:net'

export const MAIL_TLS = ['implicit', 'starttls', 'none'] as const

/** How mail leaves: everything but the password, which is sealed. */
export interface MailSettings {
  readonly host: string
  readonly port: number
  /** `starttls` is demanded, never only tried. */
  readonly tls: (typeof MAIL_TLS)[number]
  /** Null where the server asks for no sign-in. */
  readonly user: string | null
  /** Address, or `Name <address>`. */
  readonly from: string
  /** PEM of a CA to trust beside the system's. */
  readonly ca: string | null
}

const ADDRESS = /^[^\s<>@,;:"()[\]\\]{1,64}@[^\s<>@,;:"()[\]\\]{1,253}$/

export function isMailAddress(text: string): boolean {
  return ADDRESS.test(text)
}

/** The address in `Name <address>`; null when there is none. */
export function addressIn(from: string): string | null {
  const address = /^[^<>\r\n]*<([^<>]+)>$/.exec(from)?.[1] ?? from
  return isMailAddress(address) ? address : null
}

/** Why mail cannot be sent like this; null when it can. */
export function faultOfMail(settings: MailSettings): string | null {
  if (addressIn(settings.from) === null)
    return '`from` is an address, such as `Gatehouse <no-reply@example.com>`'
  if (settings.tls === 'none' && !isThisMachine(settings.host))
    return 'mail carries links that set passwords: use TLS `implicit` or `starttls`; `none` is for a server on this machine'
  return null
}

function isThisMachine(host: string): boolean {
  if (host === 'localhost') return true
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1'
}
