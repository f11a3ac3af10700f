import { createCipheriv, createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { der, explicit, integer, nothing, octets, oid, sequence, Tag } from './der.ts'

/**
 * `compatible` (3DES, SHA-1) opens on every Windows, Apple and Android device in use; `modern`
 * (AES-256, SHA-256) on Windows 10 1809, OpenSSL 1.1 and later and the newest phones.
 */
export type Pkcs12Format = 'compatible' | 'modern'

export interface Pkcs12Contents {
  /** PKCS#8, DER. */
  readonly privateKey: Buffer
  /** DER; the first is the key's. */
  readonly certificates: readonly Buffer[]
  /** What a device shows of it. */
  readonly name: string
  readonly password: string
  readonly format: Pkcs12Format
}

const Oid = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  tripleDesSha1: '1.2.840.113549.1.12.1.3',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacSha256: '1.2.840.113549.2.9',
  aes256: '2.16.840.1.101.3.4.1.42',
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const

/** Passwords are generated, or long: the iterations are for the sake of those that are not. */
const ITERATIONS = 100_000
const SALT_BYTES = 16
/** Purposes of RFC 7292 appendix B.3. */
const Purpose = { key: 1, iv: 2, mac: 3 } as const

/** A key with its certificates as a password-protected file (RFC 7292). */
export function makePkcs12(contents: Pkcs12Contents): Buffer {
  const { privateKey, certificates, format } = contents
  const [own] = certificates
  if (own === undefined) throw new Error('a PKCS#12 file without a certificate')
  const keyId = createHash('sha1').update(own).digest()
  const named = attributes(
    attribute(Oid.friendlyName, der(Tag.bmpString, utf16(contents.name))),
    attribute(Oid.localKeyId, octets(keyId)),
  )
  const key = encrypt(privateKey, contents)
  const keyBag = bag(Oid.shroudedKeyBag, sequence(key.algorithm, octets(key.ciphertext)), named)
  const certificateBags = certificates.map((certificate, index) =>
    bag(
      Oid.certificateBag,
      sequence(oid(Oid.x509Certificate), explicit(0, octets(certificate))),
      index === 0 ? named : null,
    ),
  )
  const sealed = encrypt(sequence(...certificateBags), contents)
  const encrypted = sequence(
    integer(0),
    sequence(
      oid(Oid.data),
      sealed.algorithm,
      // [0] IMPLICIT OCTET STRING
      der(0x80, sealed.ciphertext),
    ),
  )
  const safe = sequence(
    sequence(oid(Oid.encryptedData), explicit(0, encrypted)),
    dataOf(sequence(keyBag)),
  )
  return sequence(integer(3), dataOf(safe), macOf(safe, contents.password, format))
}

/** Key material of a password (RFC 7292 appendix B.2), for SHA-1 and SHA-256. */
export function derivePkcs12Key(parts: {
  readonly hash: 'sha1' | 'sha256'
  readonly purpose: number
  readonly password: string
  readonly salt: Buffer
  readonly iterations: number
  readonly length: number
}): Buffer {
  const { hash, salt, length } = parts
  const block = 64
  const password = utf16(`${parts.password}\0`)
  const input = Buffer.concat([fill(salt, block), fill(password, block)])
  const made: Buffer[] = []
  for (let size = 0; size < length; ) {
    let digest = createHash(hash).update(Buffer.alloc(block, parts.purpose)).update(input).digest()
    for (let turn = 1; turn < parts.iterations; turn++)
      digest = createHash(hash).update(digest).digest()
    made.push(digest)
    size += digest.length
    const addend = fill(digest, block).subarray(0, block)
    for (let at = 0; at < input.length; at += block) addOne(input.subarray(at, at + block), addend)
  }
  return Buffer.concat(made).subarray(0, length)
}

function encrypt(
  plaintext: Buffer,
  { password, format }: Pick<Pkcs12Contents, 'password' | 'format'>,
): { readonly algorithm: Buffer; readonly ciphertext: Buffer } {
  const salt = randomBytes(SALT_BYTES)
  if (format === 'modern') {
    const iv = randomBytes(16)
    const key = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256')
    const derivation = sequence(
      octets(salt),
      integer(ITERATIONS),
      integer(32),
      sequence(oid(Oid.hmacSha256), nothing),
    )
    const parameters = sequence(
      sequence(oid(Oid.pbkdf2), derivation),
      sequence(oid(Oid.aes256), octets(iv)),
    )
    const cipher = createCipheriv('aes-256-cbc', key, iv)
    return {
      algorithm: sequence(oid(Oid.pbes2), parameters),
      ciphertext: Buffer.concat([cipher.update(plaintext), cipher.final()]),
    }
  }
  const iterations = LEGACY_ITERATIONS
  const from = { hash: 'sha1', password, salt, iterations } as const
  const key = derivePkcs12Key({ ...from, purpose: Purpose.key, length: 24 })
  const iv = derivePkcs12Key({ ...from, purpose: Purpose.iv, length: 8 })
  const cipher = createCipheriv('des-ede3-cbc', key, iv)
  return {
    algorithm: sequence(oid(Oid.tripleDesSha1), sequence(octets(salt), integer(iterations))),
    ciphertext: Buffer.concat([cipher.update(plaintext), cipher.final()]),
  }
}

/** Some devices take no more; and each turn is a call from here, as no library has this function. */
const LEGACY_ITERATIONS = 2_048

function macOf(content: Buffer, password: string, format: Pkcs12Format): Buffer {
  const isModern = format === 'modern'
  const hash = isModern ? 'sha256' : 'sha1'
  const salt = randomBytes(SALT_BYTES)
  const iterations = LEGACY_ITERATIONS
  const length = isModern ? 32 : 20
  const key = derivePkcs12Key({ hash, purpose: Purpose.mac, password, salt, iterations, length })
  const digest = createHmac(hash, key).update(content).digest()
  const algorithm = sequence(oid(isModern ? Oid.sha256 : Oid.sha1), nothing)
  return sequence(sequence(algorithm, octets(digest)), octets(salt), integer(iterations))
}

function dataOf(content: Buffer): Buffer {
  return sequence(oid(Oid.data), explicit(0, octets(content)))
}

function bag(type: string, value: Buffer, named: Buffer | null): Buffer {
  return sequence(oid(type), explicit(0, value), ...(named === null ? [] : [named]))
}

function attribute(type: string, value: Buffer): Buffer {
  return sequence(oid(type), der(Tag.set, value))
}

/** Of a SET OF, DER wants the elements in the order of their bytes. */
function attributes(...items: readonly Buffer[]): Buffer {
  return der(Tag.set, ...items.toSorted(Buffer.compare))
}

/** Big-endian, as BMPString wants it. */
function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}

/** The bytes over and over, up to a whole number of blocks. */
function fill(bytes: Buffer, block: number): Buffer {
  return Buffer.alloc(block * Math.ceil(bytes.length / block), bytes)
}

/** `number` = `number` + `addend` + 1, big-endian, of the same width. */
function addOne(number: Buffer, addend: Buffer): void {
  let carry = 1
  for (let at = number.length - 1; at >= 0; at--) {
    const sum = (number[at] ?? 0) + (addend[at] ?? 0) + carry
    number[at] = sum & 0xff
    carry = sum >> 8
  }
}
