import { createHash, randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import {
  AttributeType,
  makeOctets,
  makeText,
  makeVendor,
  PacketCode,
  Vendor,
} from '../../protocols/radius/index.ts'
import { answerMsChap2, encodeMsChap2 } from './ms-chap-peer.ts'
import { makeRequest, TestNas } from './radius-client.ts'

const WAIT_MS = 8_000
/** RFC 2548 §2.1, §2.3. */
const CHAP_CHALLENGE = 11
const CHAP2_RESPONSE = 25

/** CHAP and MS-CHAPv2 without EAP, right and wrong, through this port. */
export async function passChallenges(
  t: Test,
  where: {
    readonly port: number
    readonly name: string
    readonly password: string
    readonly secret: string
  },
): Promise<void> {
  const nas = new TestNas(where.port, where.secret, WAIT_MS)
  const { name } = where
  const ask = async (password: string) => {
    const user = makeText(AttributeType.userName, name)
    const challenge = randomBytes(16)
    const chap = createHash('md5')
      .update(Buffer.from([1]))
      .update(password)
      .update(challenge)
    const { response } = answerMsChap2(challenge, { name, password })
    const microsoft = (type: number, value: Buffer) =>
      makeVendor({ vendor: Vendor.microsoft, type, value })
    const codes: (number | undefined)[] = []
    for (const [identifier, proof] of [
      [
        makeOctets(AttributeType.chapPassword, Buffer.concat([Buffer.from([1]), chap.digest()])),
        makeOctets(AttributeType.chapChallenge, challenge),
      ],
      [microsoft(CHAP_CHALLENGE, challenge), microsoft(CHAP2_RESPONSE, encodeMsChap2(response))],
    ].entries()) {
      const request = makeRequest({ identifier, attributes: [user, ...proof] }, nas.secret)
      codes.push((await nas.send(request))?.packet.code)
    }
    return codes
  }
  const { accessAccept, accessReject } = PacketCode
  try {
    t.same(await ask(where.password), [accessAccept, accessAccept], 'CHAP and MS-CHAPv2')
    t.same(await ask('wrong'), [accessReject, accessReject], 'and with a wrong password')
  } finally {
    nas.close()
  }
}
