import { createHmac } from 'node:crypto'
import { equalConstantTime } from '../../wire/index.ts'
import { takeRandom } from '../random.ts'
import { EapType } from './packet.ts'

const TUNNEL_KEY_BYTES = 40
const INNER_KEY_BYTES = 32
const COMPOUND_BYTES = 60
const SESSION_BYTES = 128
const MSK_BYTES = 64
const NONCE_BYTES = 32
const MAC_BYTES = 20
const SUBTYPE = { request: 0, response: 1 } as const
/** Reserved, version, received version, subtype, nonce, MAC ([MS-PEAP] 2.2.8.1.1). */
const VALUE_BYTES = 4 + NONCE_BYTES + MAC_BYTES
const TLV_HEADER = Buffer.from([0x00, 0x0c, 0x00, VALUE_BYTES])
const macType = Buffer.from([EapType.peap])

/**
 * Binds what was proved inside the tunnel to the tunnel ([MS-PEAP] 3.1.5.5): who only passes on an
 * inner authentication that was meant for another server does not have both keys.
 */
export class CryptoBinding {
  readonly #intermediateKey: Buffer
  readonly #macKey: Buffer

  private constructor(compound: Buffer) {
    this.#intermediateKey = compound.subarray(0, TUNNEL_KEY_BYTES)
    this.#macKey = compound.subarray(TUNNEL_KEY_BYTES, COMPOUND_BYTES)
  }

  /**
   * @param tunnelKey what TLS exports, 40 bytes or more
   * @param innerKey  MSK of the inner method, empty where it has none
   */
  static ofMethod(tunnelKey: Buffer, innerKey: Buffer): CryptoBinding {
    const inner = Buffer.alloc(INNER_KEY_BYTES)
    inner.set(innerKey.subarray(0, INNER_KEY_BYTES))
    const seed = Buffer.concat([Buffer.from('Inner Methods Compound Keys'), inner])
    const key = tunnelKey.subarray(0, TUNNEL_KEY_BYTES)
    return new CryptoBinding(expand(key, seed, COMPOUND_BYTES))
  }

  /** Of a resumed session, in which no inner method runs: 60 bytes of what TLS exports. */
  static ofResumption(tunnelKey: Buffer): CryptoBinding {
    return new CryptoBinding(tunnelKey)
  }

  /** The TLV of our request, header included. */
  makeRequest(): Buffer {
    return this.make(SUBTYPE.request, takeRandom(NONCE_BYTES))
  }

  /** Whether the value of the peer's TLV was made by who has both keys. */
  isRight(value: Buffer): boolean {
    if (value.length !== VALUE_BYTES) return false
    if (value.readUInt8(1) !== 0 || value.readUInt8(3) !== SUBTYPE.response) return false
    const unsigned = Buffer.concat([TLV_HEADER, value])
    unsigned.fill(0, unsigned.length - MAC_BYTES)
    return equalConstantTime(this.#mac(unsigned), value.subarray(VALUE_BYTES - MAC_BYTES))
  }

  make(subtype: number, nonce: Buffer): Buffer {
    const unsigned = Buffer.alloc(TLV_HEADER.length + VALUE_BYTES)
    unsigned.set(TLV_HEADER)
    unsigned.writeUInt8(subtype, TLV_HEADER.length + 3)
    unsigned.set(nonce, TLV_HEADER.length + 4)
    return Buffer.concat([unsigned.subarray(0, unsigned.length - MAC_BYTES), this.#mac(unsigned)])
  }

  /** [MS-PEAP] 3.1.5.7: the keys of a session whose ends are bound, 64 bytes. */
  deriveMsk(): Buffer {
    const seed = Buffer.from('Session Key Generating Function\0')
    return expand(this.#intermediateKey, seed, SESSION_BYTES).subarray(0, MSK_BYTES)
  }

  #mac(tlv: Buffer): Buffer {
    return createHmac('sha1', this.#macKey).update(tlv).update(macType).digest()
  }
}

/** PRF+ ([MS-PEAP] 3.1.5.5.2.1): HMAC-SHA-1 blocks, each over the one before it, the seed, a number. */
function expand(key: Buffer, seed: Buffer, length: number): Buffer {
  const blocks: Buffer[] = []
  let previous: Buffer = Buffer.alloc(0)
  for (let made = 0; made < length; made += previous.length) {
    const number = Buffer.from([blocks.length + 1, 0, 0])
    previous = createHmac('sha1', key).update(previous).update(seed).update(number).digest()
    blocks.push(previous)
  }
  return Buffer.concat(blocks).subarray(0, length)
}
