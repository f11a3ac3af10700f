import { createHash, type KeyObject, sign, verify, type X509Certificate } from 'node:crypto'
import { type RevocationReason, revocationReasons } from '../../directory/client-certificate.ts'
import {
  bits,
  DerError,
  DerReader,
  der,
  explicit,
  integer,
  octets,
  oid,
  readTime,
  sequence,
  Tag,
  time,
  unsigned,
} from './der.ts'

/** Each is held in memory by every daemon; some 50,000 revoked certificates. */
export const MAX_CRL_BYTES = 2 * 1024 * 1024

/** A certificate revocation list as far as a log-in needs it (RFC 5280 §5). */
export interface RevocationList {
  readonly thisUpdateMs: number
  /** Null where it never ends. */
  readonly nextUpdateMs: number | null
  /** As {@link plainSerial} gives them. */
  readonly revoked: ReadonlySet<string>
}

/** What is wrong with a CRL, in words for whoever brought it. */
export class CrlError extends Error {
  override readonly name = 'CrlError'
}

const Oid = {
  ecdsaSha256: '1.2.840.10045.4.3.2',
  crlNumber: '2.5.29.20',
  crlReason: '2.5.29.21',
  issuingDistributionPoint: '2.5.29.28',
  authorityKeyId: '2.5.29.35',
} as const

/** Those with SHA-1 or older are taken for forged; PSS has parameters that nobody uses here. */
const HASHES: ReadonlyMap<string, string | null> = new Map(
  (
    [
      ['1.2.840.113549.1.1.11', 'sha256'],
      ['1.2.840.113549.1.1.12', 'sha384'],
      ['1.2.840.113549.1.1.13', 'sha512'],
      [Oid.ecdsaSha256, 'sha256'],
      ['1.2.840.10045.4.3.3', 'sha384'],
      ['1.2.840.10045.4.3.4', 'sha512'],
      ['1.3.101.112', null],
    ] as const
  ).map(([name, hash]) => [oid(name).toString('hex'), hash]),
)

/** `ecdsa-with-SHA256` as an AlgorithmIdentifier. */
export const SIGNATURE = sequence(oid(Oid.ecdsaSha256))

/** DER of a CRL given as DER or PEM. @throws {CrlError} */
export function crlBytes(given: Buffer): Buffer {
  if (given.length > MAX_CRL_BYTES * 2) throw tooLarge()
  const match = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/.exec(
    given.subarray(0, 64).includes('-----BEGIN') ? given.toString('latin1') : '',
  )
  const bytes = match === null ? given : Buffer.from(match[1] ?? '', 'base64')
  if (bytes.length > MAX_CRL_BYTES) throw tooLarge()
  return bytes
}

function tooLarge(): CrlError {
  return new CrlError(`a CRL may have ${MAX_CRL_BYTES / 1024} KiB`)
}

/**
 * Reads a whole CRL and checks that this authority signed it.
 *
 * @throws {CrlError} when it did not, when it is no CRL, or one of a kind that tells only a part
 */
export function readCrl(bytes: Buffer, authority: X509Certificate): RevocationList {
  try {
    const outer = new DerReader(bytes).enter()
    const tbs = outer.read(Tag.sequence)
    const algorithm = outer.enter().read(Tag.oid).whole.toString('hex')
    const signature = outer.read(Tag.bitString).content.subarray(1)
    const hash = HASHES.get(algorithm)
    if (hash === undefined) throw new CrlError('it is signed in a way that is not taken')
    const list = readList(new DerReader(tbs.content), authority)
    if (!verify(hash, tbs.whole, authority.publicKey, signature))
      throw new CrlError('it is not signed by this authority')
    return list
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause
    throw new CrlError(`this is no CRL: ${cause.message}`, { cause })
  }
}

function readList(tbs: DerReader, authority: X509Certificate): RevocationList {
  tbs.readIf(Tag.integer)
  tbs.read(Tag.sequence)
  if (!tbs.read(Tag.sequence).whole.equals(subjectOf(authority)))
    throw new CrlError('it is of another authority')
  const thisUpdateMs = readTime(tbs.read())
  const isTime = tbs.nextTag === Tag.utcTime || tbs.nextTag === Tag.generalizedTime
  const nextUpdateMs = isTime ? readTime(tbs.read()) : null
  const revoked = new Set<string>()
  const entries = tbs.nextTag === Tag.sequence ? tbs.enter() : null
  while (entries !== null && !entries.isAtEnd)
    revoked.add(plainSerial(entries.enter().read(Tag.integer).content.toString('hex')))
  if (!tbs.isAtEnd) requireWhole(tbs.enter(0xa0).enter())
  return { thisUpdateMs, nextUpdateMs, revoked }
}

/** What is critical and not known here may mean that it tells of some certificates only. */
function requireWhole(extensions: DerReader): void {
  const known = oid(Oid.issuingDistributionPoint)
  while (!extensions.isAtEnd) {
    const extension = extensions.enter()
    const name = extension.read(Tag.oid).whole
    const isCritical = extension.readIf(Tag.boolean)?.content[0] === 0xff
    const value = extension.read(Tag.octetString).content
    if (!isCritical) continue
    if (!name.equals(known) || !tellsAll(new DerReader(value).enter()))
      throw new CrlError('it is a delta, indirect or partial list; take a whole one')
  }
}

/** Only `distributionPoint` [0] and `onlyContainsUserCerts` [1] leave it whole for log-ins. */
function tellsAll(point: DerReader): boolean {
  while (!point.isAtEnd) {
    const { tag } = point.read()
    if (tag !== 0xa0 && tag !== 0x81) return false
  }
  return true
}

/** One of our own that is to be told of as revoked. */
export interface RevokedSerial {
  /** Hexadecimal. */
  readonly serial: string
  readonly atMs: number
  readonly reason: RevocationReason
}

/** A CRL signed with ECDSA and SHA-256, DER. */
export function makeCrl(
  authority: { readonly certificate: X509Certificate; readonly privateKey: KeyObject },
  list: {
    readonly revoked: readonly RevokedSerial[]
    readonly thisUpdateMs: number
    readonly nextUpdateMs: number
    /** Grows from one list to the next. */
    readonly number: number
  },
): Buffer {
  const entries = list.revoked.map(({ serial, atMs, reason }) =>
    sequence(unsigned(Buffer.from(serial, 'hex')), time(atMs), ...reasonOf(reason)),
  )
  const keyId = der(0x80, keyIdOf(authority.certificate))
  const tbs = sequence(
    integer(1),
    SIGNATURE,
    subjectOf(authority.certificate),
    time(list.thisUpdateMs),
    time(list.nextUpdateMs),
    // An empty list is left out (RFC 5280 §5.1.2.6).
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    explicit(
      0,
      sequence(
        sequence(oid(Oid.authorityKeyId), octets(sequence(keyId))),
        sequence(oid(Oid.crlNumber), octets(integer(list.number))),
      ),
    ),
  )
  return sequence(tbs, SIGNATURE, bits(sign('sha256', tbs, authority.privateKey)))
}

/** `unspecified` is said by saying nothing (RFC 5280 §5.3.1). */
function reasonOf(reason: RevocationReason): readonly Buffer[] {
  if (reason === 'unspecified') return []
  const value = der(Tag.enumerated, Buffer.of(revocationReasons[reason]))
  return [sequence(sequence(oid(Oid.crlReason), octets(value)))]
}

/** A serial number without the zeros before it, whoever wrote it; hexadecimal in lower case. */
export function plainSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '')
}

/** The subject of a certificate as it stands there, DER. */
export function subjectOf(certificate: X509Certificate): Buffer {
  return partsOf(certificate).subject
}

/** SHA-1 of the public key's bits, as key identifiers and OCSP have it (RFC 5280 §4.2.1.2). */
export function keyIdOf(certificate: X509Certificate): Buffer {
  return createHash('sha1').update(partsOf(certificate).keyBits).digest()
}

export function partsOf(certificate: X509Certificate): {
  readonly subject: Buffer
  readonly keyBits: Buffer
} {
  const tbs = new DerReader(certificate.raw).enter().enter()
  tbs.readIf(0xa0)
  tbs.read(Tag.integer)
  tbs.read(Tag.sequence)
  tbs.read(Tag.sequence)
  tbs.read(Tag.sequence)
  const subject = tbs.read(Tag.sequence).whole
  const key = tbs.enter()
  key.read(Tag.sequence)
  return { subject, keyBits: key.read(Tag.bitString).content.subarray(1) }
}
