import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import {
  AcctStatusType,
  AttributeType,
  findValue,
  makeInteger,
  makeOctets,
  makeText,
  PacketCode,
} from '../../protocols/radius/index.ts'
import {
  type CheckedReply,
  makeAccounting,
  makeRequest,
  papAttributes,
  TestNas,
} from './radius-client.ts'

/** A NAS that lets people in and reports their sessions, as the demo knows it. */
export class SessionNas extends TestNas {
  readonly #accounting: TestNas

  constructor(
    t: Test,
    radius: { readonly authPort: number; readonly acctPort: number; readonly secret: string },
  ) {
    super(radius.authPort, radius.secret, 10_000)
    this.#accounting = new TestNas(radius.acctPort, radius.secret, 10_000)
    t.teardown(() => {
      this.close()
      this.#accounting.close()
    })
  }

  /** Reports a session that began with this answer, Class and all. */
  async begin(name: string, session: string, classes: readonly Buffer[]): Promise<void> {
    const attributes = [
      makeInteger(AttributeType.acctStatusType, AcctStatusType.start),
      makeText(AttributeType.acctSessionId, session),
      makeText(AttributeType.userName, name),
      ...classes.map((value) => makeOctets(AttributeType.class, value)),
    ]
    const { secret } = this.#accounting
    const reply = await this.#accounting.send(makeAccounting(attributes, secret))
    if (reply?.packet.code !== PacketCode.accountingResponse)
      throw new Error(`no answer: ${session}`)
  }

  /** A whole log-in with a password. @returns the Class of the answer */
  async pap(name: string, password: string): Promise<Buffer> {
    const authenticator = randomBytes(16)
    const attributes = papAttributes(name, password, this.secret, authenticator)
    const request = makeRequest({ attributes, authenticator }, this.secret)
    return SessionNas.classOf(await this.send(request))
  }

  /** @throws where it lets nobody in */
  static classOf(reply: CheckedReply | null): Buffer {
    if (reply?.packet.code !== PacketCode.accessAccept) throw new Error('not let in')
    const value = findValue(reply.packet.attributes, AttributeType.class)
    if (value === null) throw new Error('no Class')
    return value
  }
}
