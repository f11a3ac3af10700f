import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** What a test lets an authenticator, or a browser, do otherwise. */
export interface Odd {
  readonly origin?: string
  readonly rpId?: string
  readonly isVerified?: boolean
  readonly counter?: number
  readonly userHandle?: string
  readonly credentialId?: string
  readonly type?: string
  /** What the browser says of the device, falsely. */
  readonly attestation?: string
}

const USER_PRESENT = 0x01
const USER_VERIFIED = 0x04
const ATTESTED = 0x40

/** An authenticator with one ES256 passkey, and the browser before it (WebAuthn §5.8, §6.1). */
export class SoftwareAuthenticator {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly #id = randomBytes(32)
  readonly #origin: string
  readonly #rpId: string
  #userHandle = ''
  #counter = 0

  constructor(origin: string) {
    this.#origin = origin
    this.#rpId = new URL(origin).hostname
  }

  get credentialId(): string {
    return this.#id.toString('base64url')
  }

  create(
    options: { readonly challenge: string; readonly user: { readonly id: string } },
    odd: Odd = {},
  ): string {
    this.#userHandle = options.user.id
    const length = Buffer.alloc(2)
    length.writeUInt16BE(this.#id.length)
    const attested = Buffer.concat([Buffer.alloc(16), length, this.#id, this.#coseKey()])
    const authData = Buffer.concat([this.#authData(odd, ATTESTED), attested])
    const attestationObject = cborMap([
      [cborText('fmt'), cborText(odd.attestation ?? 'none')],
      [cborText('attStmt'), statementOf(odd)],
      [cborText('authData'), cborBytes(authData)],
    ])
    const clientDataJSON = this.#clientData('webauthn.create', options.challenge, odd)
    return this.#answer({ clientDataJSON, attestationObject }, odd)
  }

  get({ challenge }: { readonly challenge: string }, odd: Odd = {}): string {
    const clientDataJSON = this.#clientData('webauthn.get', challenge, odd)
    this.#counter += 1
    const authenticatorData = this.#authData(odd, 0)
    const signed = Buffer.concat([authenticatorData, sha256(clientDataJSON)])
    const signature = sign('sha256', signed, this.#keys.privateKey)
    const userHandle = Buffer.from(odd.userHandle ?? this.#userHandle, 'base64url')
    return this.#answer({ clientDataJSON, authenticatorData, signature, userHandle }, odd)
  }

  #answer(response: Readonly<Record<string, Buffer>>, odd: Odd): string {
    const id = odd.credentialId ?? this.credentialId
    const texts = Object.entries(response).map(([name, value]) => [name, base64url(value)])
    return JSON.stringify({
      id,
      rawId: id,
      type: 'public-key',
      clientExtensionResults: {},
      response: Object.fromEntries(texts),
    })
  }

  #clientData(type: string, challenge: string, odd: Odd): Buffer {
    const origin = odd.origin ?? this.#origin
    return Buffer.from(
      JSON.stringify({ type: odd.type ?? type, challenge, origin, crossOrigin: false }),
    )
  }

  #authData({ rpId = this.#rpId, isVerified = true, counter = this.#counter }: Odd, more: number) {
    const count = Buffer.alloc(4)
    count.writeUInt32BE(counter)
    const flags = USER_PRESENT | (isVerified ? USER_VERIFIED : 0) | more
    return Buffer.concat([sha256(Buffer.from(rpId)), Buffer.of(flags), count])
  }

  /** RFC 9053 §7.1.1: kty EC2, alg ES256, crv P-256, x, y. */
  #coseKey(): Buffer {
    const { x = '', y = '' } = this.#keys.publicKey.export({ format: 'jwk' })
    return cborMap([
      [Buffer.of(0x01), Buffer.of(0x02)],
      [Buffer.of(0x03), Buffer.of(0x26)],
      [Buffer.of(0x20), Buffer.of(0x01)],
      [Buffer.of(0x21), cborBytes(Buffer.from(x, 'base64url'))],
      [Buffer.of(0x22), cborBytes(Buffer.from(y, 'base64url'))],
    ])
  }
}

/** Signed by nobody, of a certificate that is none. */
function statementOf({ attestation }: Odd): Buffer {
  if (attestation === undefined) return cborMap([])
  return cborMap([
    [cborText('alg'), Buffer.of(0x26)],
    [cborText('sig'), cborBytes(randomBytes(70))],
    [cborText('x5c'), Buffer.concat([Buffer.of(0x81), cborBytes(randomBytes(20))])],
  ])
}

function base64url(bytes: Buffer): string {
  return bytes.toString('base64url')
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** RFC 8949 §3.1, for what is shorter than 64 KiB. */
function cborHead(major: number, length: number): Buffer {
  if (length < 24) return Buffer.of((major << 5) | length)
  if (length < 256) return Buffer.of((major << 5) | 24, length)
  return Buffer.of((major << 5) | 25, length >> 8, length & 0xff)
}

function cborBytes(bytes: Buffer): Buffer {
  return Buffer.concat([cborHead(2, bytes.length), bytes])
}

function cborText(text: string): Buffer {
  return Buffer.concat([cborHead(3, text.length), Buffer.from(text)])
}

function cborMap(pairs: readonly (readonly [Buffer, Buffer])[]): Buffer {
  return Buffer.concat([cborHead(5, pairs.length), ...pairs.flat()])
}
