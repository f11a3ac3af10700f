import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto'

const SALT_BYTES = 32
const PUBLISHED_KEYS = 2

export interface Jwt {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly signed: Buffer
  readonly signature: Buffer
}

/** Null when the text is no JWT; nothing about it has been checked then or otherwise. */
export function parseJwt(text: string): Jwt | null {
  const [header, claims, signature, ...rest] = text.split('.')
  if (header === undefined || claims === undefined || signature === undefined || rest.length > 0)
    return null
  try {
    const parse = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString())
    return {
      header: parse(header) as Record<string, unknown>,
      claims: parse(claims) as Record<string, unknown>,
      signed: Buffer.from(`${header}.${claims}`),
      signature: Buffer.from(signature, 'base64url'),
    }
  } catch {
    return null
  }
}

/** Entra takes RS256 and PS256 assertions; never another algorithm, whatever the header says. */
export function verifyJwt(jwt: Jwt, key: KeyObject): boolean {
  const { alg } = jwt.header
  if (alg === 'RS256') return verify('sha256', jwt.signed, key, jwt.signature)
  if (alg !== 'PS256') return false
  const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES }
  return verify('sha256', jwt.signed, options, jwt.signature)
}

/** A key that signs access tokens. */
export class SigningKey {
  readonly kid = randomBytes(15).toString('base64url')
  readonly #private: KeyObject
  readonly #public: KeyObject

  constructor() {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    this.#private = privateKey
    this.#public = createPublicKey(privateKey)
  }

  sign(claims: object): string {
    const encode = (value: object): string =>
      Buffer.from(JSON.stringify(value)).toString('base64url')
    const header = { typ: 'JWT', alg: 'RS256', kid: this.kid }
    const signed = `${encode(header)}.${encode(claims)}`
    return `${signed}.${sign('sha256', Buffer.from(signed), this.#private).toString('base64url')}`
  }

  verify(jwt: Jwt): boolean {
    return (
      jwt.header['kid'] === this.kid &&
      jwt.header['alg'] === 'RS256' &&
      verifyJwt(jwt, this.#public)
    )
  }

  /** As it stands in the discovery keys. */
  jwk(issuer: string): object {
    return { ...this.#public.export({ format: 'jwk' }), use: 'sig', kid: this.kid, issuer }
  }
}

/** The key that signs now, and those before it, which stay published for a while. */
export class SigningKeys {
  #keys: readonly SigningKey[]

  constructor(first: SigningKey) {
    this.#keys = [first]
  }

  /** As Entra does without notice: another key signs from now on, beside the last one. */
  rotate(): void {
    this.#keys = [new SigningKey(), ...this.#keys].slice(0, PUBLISHED_KEYS)
  }

  sign(claims: object): string {
    return this.#newest.sign(claims)
  }

  verify(jwt: Jwt): boolean {
    return this.#keys.some((key) => key.verify(jwt))
  }

  jwks(issuer: string): readonly object[] {
    return this.#keys.map((key) => key.jwk(issuer))
  }

  get #newest(): SigningKey {
    const [newest] = this.#keys
    if (newest === undefined) throw new Error('there is always a key')
    return newest
  }
}

let processKey: SigningKey | null = null

/**
 * The key of this process, made when it is first needed: a new one costs a fifth of a second, and
 * many a test starts a tenant. Tokens of another tenant are told apart by their `tid`.
 */
export function signingKeyOfProcess(): SigningKey {
  processKey ??= new SigningKey()
  return processKey
}
