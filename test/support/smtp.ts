import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import type { Test } from 'tap'
import { makeClientCertificate } from './microsoft365-certificate.ts'

export interface ReceivedMail {
  readonly from: string
  readonly to: readonly string[]
  readonly user: string | null
  readonly isSecure: boolean
  readonly raw: string
}

export const SMTP_USER = 'gatehouse'
export const SMTP_PASSWORD = 'smtp password of the test'

/** A real SMTP server on loopback, with STARTTLS and a sign-in; stopped with the test. */
export async function startSmtp(
  t: Test,
  options: {
    /** What it says to a recipient; null takes him. */
    readonly refuse?: (recipient: string, attempt: number) => { code: number; text: string } | null
    /** Takes the mail and hangs up before it says so. */
    readonly hangsUp?: (attempt: number) => boolean
  } = {},
) {
  const { certificatePem, keyPem } = await makeClientCertificate('localhost')
  const received: ReceivedMail[] = []
  const waiting: (() => void)[] = []
  let attempts = 0
  const server = new SMTPServer({
    key: keyPem,
    cert: certificatePem,
    logger: false,
    authOptional: false,
    onAuth(auth, _session, done) {
      const isRight = auth.username === SMTP_USER && auth.password === SMTP_PASSWORD
      if (isRight) done(null, { user: auth.username })
      else done(Object.assign(new Error('535 no such sign-in'), { responseCode: 535 }))
    },
    onRcptTo({ address }, _session, done) {
      attempts += 1
      const refusal = options.refuse?.(address, attempts) ?? null
      if (refusal === null) done()
      else done(Object.assign(new Error(refusal.text), { responseCode: refusal.code }))
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          user: session.user === undefined ? null : String(session.user),
          isSecure: session.secure,
          raw: Buffer.concat(chunks).toString('utf8'),
        })
        for (const wake of waiting.splice(0)) wake()
        if (options.hangsUp?.(received.length) === true)
          done(Object.assign(new Error('going away'), { responseCode: 421 }))
        else done()
      })
    },
  })
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())))
  const { port } = server.server.address() as AddressInfo
  return {
    port,
    caPem: certificatePem,
    received,
    /** Resolves once so many have arrived. */
    async count(wanted: number): Promise<readonly ReceivedMail[]> {
      while (received.length < wanted) await new Promise<void>((resolve) => waiting.push(resolve))
      return received
    },
  }
}

/** The plain text of a mail, decoded. */
export function textOf({ raw }: ReceivedMail): string {
  const part = /Content-Type: text\/plain[\s\S]*?\r\n\r\n([\s\S]*?)\r\n--/i.exec(raw)
  const head = part?.[0] ?? ''
  const body = part?.[1] ?? ''
  if (/Content-Transfer-Encoding: base64/i.test(head)) return Buffer.from(body, 'base64').toString()
  if (!/quoted-printable/i.test(head)) return body
  return body.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => {
    return String.fromCharCode(Number.parseInt(hex, 16))
  })
}
