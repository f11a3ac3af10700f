import { randomUUID } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { createTransport } from 'nodemailer'
import type { MailAccount } from './mail-store.ts'
import { addressIn, isMailAddress } from './settings.ts'
import { toHtml } from './to-html.ts'

const CONNECT_TIMEOUT_MS = 10_000
const SOCKET_TIMEOUT_MS = 20_000
const MAX_REASON = 300

export interface Letter {
  /** The same each time it is tried, so that a server or a reader can tell a repetition. */
  readonly id: string
  readonly recipient: string
  readonly subject: string
  readonly text: string
  readonly link: string | null
}

export type Delivery =
  | { readonly kind: 'sent' }
  /** `isFinal` when the server will not take it however often it is tried. */
  | { readonly kind: 'refused'; readonly isFinal: boolean; readonly reason: string }

const NO_ADDRESS: Delivery = {
  kind: 'refused',
  isFinal: true,
  reason: 'the recipient is no mail address',
}

/** Hands one mail to the SMTP server, over a connection of its own. Never rejects. */
export async function deliver(account: MailAccount, letter: Letter): Promise<Delivery> {
  if (!isMailAddress(letter.recipient)) return NO_ADDRESS
  const { settings, password } = account
  const { host, port, tls, user, from, ca } = settings
  const transport = createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(user === null ? {} : { auth: { user, pass: password ?? '' } }),
    tls: { minVersion: 'TLSv1.2', ...(ca === null ? {} : { ca: [...rootCertificates, ca] }) },
  })
  const domain = addressIn(from)?.split('@')[1] ?? 'localhost'
  try {
    await transport.sendMail({
      messageId: `<${letter.id}@${domain}>`,
      from,
      // Not as text, which is read as a list of names and addresses.
      to: { name: '', address: letter.recipient },
      subject: letter.subject,
      text: letter.text,
      html: toHtml(letter),
      headers: { 'auto-submitted': 'auto-generated' },
    })
    return { kind: 'sent' }
  } catch (error) {
    return refusalOf(error)
  } finally {
    transport.close()
  }
}

/** Sends one at once and tells what came of it. */
export function deliverTest(account: MailAccount, recipient: string): Promise<Delivery> {
  return deliver(account, {
    id: randomUUID(),
    recipient,
    subject: 'Test from Gatehouse',
    text: 'Mail from Gatehouse arrives here.\n',
    link: null,
  })
}

/** RFC 5321 §4.2.1: 5yz is for good; everything else, a silent server included, may pass. */
function refusalOf(error: unknown): Delivery {
  const { responseCode, response, code, message } = error as {
    readonly responseCode?: number
    readonly response?: string
    readonly code?: string
    readonly message?: string
  }
  const isAnswer = responseCode !== undefined && responseCode >= 500
  // A sign-in that fails is for an admin to mend, and what waits for it can still go.
  const isFinal = isAnswer && code !== 'EAUTH'
  const said = response ?? message ?? 'no answer'
  return { kind: 'refused', isFinal, reason: `${code ?? 'SMTP'}: ${said}`.slice(0, MAX_REASON) }
}
