import { createHash, type KeyObject, sign, type X509Certificate } from 'node:crypto'
import { type RevocationReason, revocationReasons } from '../../directory/client-certificate.ts'
import { keyIdOf, partsOf, plainSerial, SIGNATURE } from './crl.ts'
import {
  bits,
  DerError,
  DerReader,
  der,
  explicit,
  generalizedTime,
  octets,
  oid,
  sequence,
  Tag,
} from './der.ts'

/** A request about a handful of certificates; longer ones are not read. */
export const MAX_OCSP_REQUEST_BYTES = 4_096
const MAX_ASKED = 16
/** RFC 9654 §2.1. */
const MAX_NONCE_BYTES = 128
/** How long an answer may be believed. */
const VALID_MS = 60 * 60_000

const Oid = {
  basic: '1.3.6.1.5.5.7.48.1.1',
  nonce: '1.3.6.1.5.5.7.48.1.2',
} as const

const HASHES: ReadonlyMap<string, string> = new Map([
  [oid('1.3.14.3.2.26').toString('hex'), 'sha1'],
  [oid('2.16.840.1.101.3.4.2.1').toString('hex'), 'sha256'],
])

/** `OCSPResponseStatus` of RFC 6960 §4.2.1, those that are not signed. */
const Failure = { malformed: 1, internal: 2, tryLater: 3, unauthorized: 6 } as const

export type OcspFailure = keyof typeof Failure

/** What is known of a certificate by its serial number (as `plainSerial` gives it). */
export type CertificateStatus =
  | { readonly is: 'good' | 'unknown' }
  | { readonly is: 'revoked'; readonly atMs: number; readonly reason: RevocationReason }

interface Asked {
  /** CertID, whole, to be said back. */
  readonly id: Buffer
  readonly hash: string | null
  readonly nameHash: Buffer
  readonly keyHash: Buffer
  readonly serial: string
}

export interface OcspRequest {
  readonly asked: readonly Asked[]
  readonly nonce: Buffer | null
}

/** Null for what is no request (RFC 6960 §4.1.1), or too much of one. */
export function readOcspRequest(bytes: Buffer): OcspRequest | null {
  if (bytes.length > MAX_OCSP_REQUEST_BYTES) return null
  try {
    const tbs = new DerReader(bytes).enter().enter()
    tbs.readIf(0xa0)
    tbs.readIf(0xa1)
    const list = tbs.enter()
    const asked: Asked[] = []
    while (!list.isAtEnd) {
      if (asked.length === MAX_ASKED) return null
      asked.push(readAsked(list.enter()))
    }
    if (asked.length === 0) return null
    return { asked, nonce: tbs.nextTag === 0xa2 ? readNonce(tbs.enter(0xa2).enter()) : null }
  } catch (error) {
    if (error instanceof DerError) return null
    throw error
  }
}

function readAsked(request: DerReader): Asked {
  const id = request.read(Tag.sequence)
  const parts = new DerReader(id.content)
  const hash = HASHES.get(parts.enter().read(Tag.oid).whole.toString('hex')) ?? null
  return {
    id: id.whole,
    hash,
    nameHash: parts.read(Tag.octetString).content,
    keyHash: parts.read(Tag.octetString).content,
    serial: plainSerial(parts.read(Tag.integer).content.toString('hex')),
  }
}

function readNonce(extensions: DerReader): Buffer | null {
  const wanted = oid(Oid.nonce)
  while (!extensions.isAtEnd) {
    const extension = extensions.enter()
    const name = extension.read(Tag.oid).whole
    extension.readIf(Tag.boolean)
    const value = extension.read(Tag.octetString).content
    if (name.equals(wanted) && value.length <= MAX_NONCE_BYTES + 2) return value
  }
  return null
}

/** An answer that says why there is none. */
export function ocspFailure(failure: OcspFailure): Buffer {
  return sequence(der(Tag.enumerated, Buffer.of(Failure[failure])))
}

/** Answers for one authority, which signs for itself (RFC 6960 §4.2). */
export class OcspResponder {
  readonly #privateKey: KeyObject
  readonly #keyId: Buffer
  readonly #issuerHashes: ReadonlyMap<string, { readonly name: Buffer; readonly key: Buffer }>

  constructor(authority: {
    readonly certificate: X509Certificate
    readonly privateKey: KeyObject
  }) {
    const { subject, keyBits } = partsOf(authority.certificate)
    this.#privateKey = authority.privateKey
    this.#keyId = keyIdOf(authority.certificate)
    const digest = (hash: string, bytes: Buffer) => createHash(hash).update(bytes).digest()
    this.#issuerHashes = new Map(
      [...HASHES.values()].map((hash) => [
        hash,
        { name: digest(hash, subject), key: digest(hash, keyBits) },
      ]),
    )
  }

  answer(
    { asked, nonce }: OcspRequest,
    atMs: number,
    statusOf: (serial: string) => CertificateStatus,
  ): Buffer {
    const answers = asked.map((one) =>
      sequence(
        one.id,
        encodeStatus(this.#isOurs(one) ? statusOf(one.serial) : { is: 'unknown' }),
        generalizedTime(atMs),
        explicit(0, generalizedTime(atMs + VALID_MS)),
      ),
    )
    const tbs = sequence(
      explicit(2, octets(this.#keyId)),
      generalizedTime(atMs),
      sequence(...answers),
      ...(nonce === null ? [] : [explicit(1, sequence(sequence(oid(Oid.nonce), octets(nonce))))]),
    )
    const basic = sequence(tbs, SIGNATURE, bits(sign('sha256', tbs, this.#privateKey)))
    const response = sequence(oid(Oid.basic), octets(basic))
    return sequence(der(Tag.enumerated, Buffer.of(0)), explicit(0, response))
  }

  #isOurs({ hash, nameHash, keyHash }: Asked): boolean {
    const ours = hash === null ? undefined : this.#issuerHashes.get(hash)
    return ours?.name.equals(nameHash) === true && ours.key.equals(keyHash)
  }
}

function encodeStatus(status: CertificateStatus): Buffer {
  if (status.is !== 'revoked') return der(status.is === 'good' ? 0x80 : 0x82)
  const number = revocationReasons[status.reason]
  const reason = number === 0 ? [] : [explicit(0, der(Tag.enumerated, Buffer.of(number)))]
  return der(0xa1, generalizedTime(status.atMs), ...reason)
}
