import { createHmac } from 'node:crypto'
import type { Talk, Tunnel } from './eap-ttls-client.ts'
import { answerMsChap2 } from './ms-chap-peer.ts'

export interface PeapPeerOptions {
  readonly name?: string
  /** Name in the MS-CHAPv2 response, where it differs. */
  readonly responseName?: string
  readonly password?: string
  /** The one inner method it takes; by default whatever is asked. */
  readonly wants?: number
  /** What it does with a Crypto-Binding TLV. */
  readonly binding?: 'answer' | 'ignore' | 'forge'
  /** Send whole EAP packets, as some do. */
  readonly withHeaders?: boolean
  readonly refusesResult?: boolean
}

/** The inside of a PEAPv0 client, written from [MS-PEAP] and not from the server. */
export class PeapPeer {
  /** Its own MSK when it was told of success. */
  msk: Buffer | null = null
  /** Text of the server's MS-CHAPv2 failure packet. */
  failure: string | null = null
  /** Status of the server's result. */
  status: number | null = null
  readonly #options: PeapPeerOptions
  #innerKey = Buffer.alloc(32)
  /** False in a resumed session, which has no inner method. */
  #wasAskedInside = false
  #serverProof = ''

  constructor(options: PeapPeerOptions = {}) {
    this.#options = options
  }

  readonly talk: Talk = (incoming, tunnel) => {
    const isTlv = incoming.length > 4 && incoming[4] === 33
    if (isTlv) return this.#conclude(incoming, tunnel)
    this.#wasAskedInside = true
    const inner = this.#answer(incoming.readUInt8(0), incoming.subarray(1))
    if (this.#options.withHeaders !== true) return inner
    return inner === null ? null : withHeader(inner, this.identifier)
  }

  /** Of the request it answers; only whole packets carry it. */
  identifier = 0

  #answer(type: number, data: Buffer): Buffer | null {
    const { name = 'alice', password = 'right', wants } = this.#options
    if (type === 1) return Buffer.concat([Buffer.from([1]), Buffer.from(name)])
    if (wants !== undefined && type !== wants) return Buffer.from([3, wants])
    if (type === 6) return Buffer.concat([Buffer.from([6]), Buffer.from(password)])
    return type === 26 ? Buffer.from([26, ...this.#answerMsChap(data)]) : null
  }

  #answerMsChap(data: Buffer): Buffer {
    const code = data.readUInt8(0)
    if (code === 1) return this.#respond(data)
    const text = data.subarray(4).toString()
    if (code === 4) this.failure = text
    if (code === 3 && !text.startsWith(this.#serverProof)) return Buffer.from([4])
    return Buffer.from([code])
  }

  #respond(challenge: Buffer): Buffer {
    const { name = 'alice', password = 'right' } = this.#options
    const shown = this.#options.responseName ?? name
    const who = { name: shown, password }
    const { response, owed } = answerMsChap2(challenge.subarray(5, 21), who)
    this.#serverProof = owed.authenticatorResponse
    this.#innerKey = Buffer.concat([owed.receiveKey, owed.sendKey])
    const value = [response.peerChallenge, Buffer.alloc(8), response.ntResponse, Buffer.alloc(1)]
    const packet = Buffer.concat([
      Buffer.from([2, challenge.readUInt8(1), 0, 0, 49]),
      ...value,
      Buffer.from(shown),
    ])
    packet.writeUInt16BE(packet.length, 2)
    return packet
  }

  #conclude(packet: Buffer, { keys }: Tunnel): Buffer {
    this.status = packet.readUInt16BE(9)
    const { binding = 'answer', refusesResult = false } = this.#options
    const status = refusesResult ? 2 : this.status
    const tlvs = [Buffer.from([0x80, 3, 0, 2, 0, status])]
    const asked = packet.subarray(11)
    const key = keys.subarray(0, 40)
    const compound = this.#wasAskedInside
      ? prfPlus(key, ['Inner Methods Compound Keys', this.#innerKey], 60)
      : keys.subarray(0, 60)
    if (this.status === 1) this.msk = keys.subarray(0, 64)
    if (asked.length === 60 && binding !== 'ignore') {
      const macKey = compound.subarray(40)
      const reply = Buffer.from(asked)
      reply.writeUInt8(1, 7)
      reply.fill(0, 40)
      const mac = createHmac('sha1', macKey)
        .update(reply)
        .update(Buffer.from([25]))
        .digest()
      reply.set(mac, 40)
      if (binding === 'forge') reply.writeUInt8(reply.readUInt8(59) ^ 1, 59)
      tlvs.push(reply)
      const seed = ['Session Key Generating Function\0', Buffer.alloc(0)] as const
      this.msk = prfPlus(compound.subarray(0, 40), seed, 128).subarray(0, 64)
    }
    const inner = Buffer.concat([Buffer.from([33]), ...tlvs])
    return withHeader(inner, packet.readUInt8(1))
  }
}

function withHeader(inner: Buffer, identifier: number): Buffer {
  const header = Buffer.from([2, identifier, 0, 0])
  header.writeUInt16BE(header.length + inner.length, 2)
  return Buffer.concat([header, inner])
}

/** [MS-PEAP] 3.1.5.5.2.1 PRF+. */
function prfPlus(key: Buffer, [label, seed]: readonly [string, Buffer], length: number): Buffer {
  let [last, all] = [Buffer.alloc(0), Buffer.alloc(0)]
  for (let n = 1; all.length < length; n++) {
    const hmac = createHmac('sha1', key).update(last).update(label).update(seed)
    last = Buffer.from(hmac.update(Buffer.from([n, 0, 0])).digest())
    all = Buffer.concat([all, last])
  }
  return all.subarray(0, length)
}
