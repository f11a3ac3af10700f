import { X509Certificate } from 'node:crypto'
import type {
  CertificateMatching,
  ClientAuthority,
  RevocationReason,
} from '../directory/client-certificate.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { ClientAuthorityId, ClientCertificateId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import { type ClientCertificateStore, MAX_DEVICE_LABEL } from '../directory/ports/certificates.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import { type KeyedCertificate, makeAuthority } from './certificates/authority.ts'
import {
  type AuthorityUrls,
  CsrError,
  fingerprintOf,
  issueClientCertificate,
  MAX_CLIENT_DAYS,
  makeClientKey,
  readCsrKey,
} from './certificates/client-certificate.ts'
import type { ClientTrustIndex } from './certificates/client-trust.ts'
import { CrlError, crlBytes, readCrl } from './certificates/crl.ts'
import { makePkcs12, type Pkcs12Format } from './certificates/pkcs12.ts'
import { x509 } from './certificates/x509.ts'
import { makeGeneratedPassword } from './generated-secret.ts'

export interface CertificateWish {
  /** What she calls the device. */
  readonly device: string
  readonly days: number
  /** A request of the device's own (PKCS#10, PEM), or a key made here and given out as PKCS#12. */
  readonly key:
    | { readonly from: 'csr'; readonly csr: string }
    /** A password of null has one made. */
    | { readonly from: 'here'; readonly password: string | null; readonly format: Pkcs12Format }
}

export interface MadeCertificate {
  readonly id: ClientCertificateId
  /** PEM. */
  readonly certificate: string
  /** PEM of who issued it. */
  readonly authority: string
  /** To be given out this once; it is kept nowhere. Null for a device that has its own key. */
  readonly pkcs12: { readonly file: Buffer; readonly password: string } | null
  readonly written: Written
}

export interface AuthorityWish {
  readonly name: string
  /** PEM. */
  readonly certificate: string
  readonly matching: CertificateMatching
  readonly crlUrl: string | null
}

const MIN_PASSWORD = 12
const MAX_PASSWORD = 128
const MAX_CERTIFICATE_CHARACTERS = 16 * 1024
const OWN_NAME = 'gatehouse'

/** The one way in which clients' certificates and their authorities come and go, whoever does it. */
export class ClientCertificates {
  readonly #store: ClientCertificateStore
  readonly #trust: ClientTrustIndex
  readonly #urls: AuthorityUrls | null
  readonly #organization: () => string | null
  readonly #reached: (inboxSeq: bigint | null) => Promise<void>
  readonly #nowMs: () => number

  constructor(parts: {
    readonly store: ClientCertificateStore
    readonly trust: ClientTrustIndex
    /** Null without a public URL: then nobody else could look a certificate up. */
    readonly urls: AuthorityUrls | null
    readonly organization: () => string | null
    readonly reached: (inboxSeq: bigint | null) => Promise<void>
    readonly nowMs?: () => number
  }) {
    this.#store = parts.store
    this.#trust = parts.trust
    this.#urls = parts.urls
    this.#organization = parts.organization
    this.#reached = parts.reached
    this.#nowMs = parts.nowMs ?? Date.now
  }

  /** @throws {DirectoryError} `DIRECTORY_REFUSED` that says what is wrong with the wish */
  async issue(person: Person, wish: CertificateWish, actor: Actor): Promise<MadeCertificate> {
    const device = wish.device.trim()
    refuse(faultOf({ ...wish, device }))
    const { key } = wish
    const made = key.from === 'csr' ? null : await makeClientKey()
    const publicKey = key.from === 'csr' ? await keyOf(key.csr) : made?.publicKey
    if (publicKey === undefined) throw new Error('a certificate without a key')
    const { authority, id: authorityId } = await this.#ownAuthority(actor)
    const { id: principalId, username, mail, userPrincipalName: upn } = person
    const { certificate, ...record } = await issueClientCertificate(authority, {
      subject: { principalId, username, device, mail, upn },
      publicKey,
      days: wish.days,
      nowMs: this.#nowMs(),
      urls: this.#urls,
    })
    const written = await this.#store.addCertificate(
      { principalId, label: device, authorityId, ...record },
      actor,
    )
    const pkcs12 =
      key.from === 'csr' || made === null
        ? null
        : pack(key, {
            privateKey: made.privateKey,
            certificates: [certificate, authority.certificate],
            name: `${username} ${device}`,
          })
    return {
      id: written.id,
      certificate,
      authority: authority.certificate,
      pkcs12,
      written,
    }
  }

  revoke(id: ClientCertificateId, reason: RevocationReason, actor: Actor): Promise<Written> {
    return this.#store.revokeCertificate(id, reason, actor)
  }

  /** @throws {DirectoryError} `DIRECTORY_REFUSED` for what is no authority's certificate */
  async addAuthority(wish: AuthorityWish, actor: Actor) {
    const certificate = readAuthority(wish.certificate)
    if (Date.parse(certificate.validTo) < this.#nowMs())
      refuse(`the certificate ended on ${new Date(certificate.validTo).toISOString()}`)
    refuse(wish.crlUrl === null ? null : faultOfUrl(wish.crlUrl))
    return await this.#store.addAuthority(
      {
        ...wish,
        certificate: certificate.toString(),
        fingerprint: fingerprintOf(certificate),
        privateKey: null,
      },
      actor,
    )
  }

  async updateAuthority(
    id: ClientAuthorityId,
    change: Partial<Pick<ClientAuthority, 'matching' | 'crlUrl'>>,
    actor: Actor,
  ): Promise<Written> {
    refuse(change.crlUrl == null ? null : faultOfUrl(change.crlUrl))
    return await this.#store.updateAuthority(id, change, actor)
  }

  async removeAuthority(authority: ClientAuthority, actor: Actor): Promise<Written> {
    if (authority.privateKey !== null)
      refuse('this is the authority of Gatehouse itself: revoke its certificates instead')
    return await this.#store.removeAuthority(authority.id, actor)
  }

  /**
   * Takes a CRL, DER or PEM, in place of the one before it; nothing changes for the same bytes.
   *
   * @throws {CrlError} when it is not this authority's, has run out, or is older than the one there is
   */
  async takeCrl(authority: ClientAuthority, given: Buffer, actor: Actor): Promise<Written> {
    const crl = crlBytes(given)
    if (authority.privateKey !== null) throw new CrlError('the list of this authority is made here')
    if (authority.crl?.equals(crl) === true && authority.crlError === null)
      return { changed: 0, inboxSeq: null }
    const certificate = new X509Certificate(authority.certificate)
    const list = readCrl(crl, certificate)
    const { nextUpdateMs } = list
    if (nextUpdateMs !== null && nextUpdateMs < this.#nowMs())
      throw new CrlError(`it has run out on ${new Date(nextUpdateMs).toISOString()}`)
    const before = authority.crl === null ? null : readCrl(authority.crl, certificate)
    if (before !== null && before.thisUpdateMs > list.thisUpdateMs)
      throw new CrlError('it is older than the one in use')
    return await this.#store.putCrl(authority.id, { crl }, actor)
  }

  /** Notes why none could be had; the one in use stays. */
  async noteCrlFault(authority: ClientAuthority, error: string, actor: Actor): Promise<void> {
    if (authority.crlError !== error) await this.#store.putCrl(authority.id, { error }, actor)
  }

  /** Made when it is first needed; of two that are made at once the first stays. */
  async #ownAuthority(
    actor: Actor,
  ): Promise<{ readonly id: ClientAuthorityId; readonly authority: KeyedCertificate }> {
    const found = this.#findOwn()
    if (found !== null) return found
    const made = await makeAuthority(
      `${this.#organization() ?? 'Gatehouse'} client CA`,
      this.#nowMs(),
    )
    const written = await this.#store.addAuthority(
      {
        name: OWN_NAME,
        ...made,
        fingerprint: fingerprintOf(new X509Certificate(made.certificate)),
        matching: { names: ['id'], domains: null },
        crlUrl: null,
      },
      actor,
    )
    // Another daemon may have been first; then its row is committed, and to be waited for as well.
    await this.#reached(written.inboxSeq ?? 0n)
    const own = this.#findOwn()
    if (own === null) throw new Error('an authority was stored and cannot be found')
    return own
  }

  #findOwn() {
    const own = this.#trust.own()?.value
    if (own?.privateKey == null) return null
    return { id: own.id, authority: { certificate: own.certificate, privateKey: own.privateKey } }
  }
}

function pack(
  key: Extract<CertificateWish['key'], { from: 'here' }>,
  made: {
    readonly privateKey: string
    readonly certificates: readonly string[]
    readonly name: string
  },
) {
  const password = key.password ?? makeGeneratedPassword()
  const file = makePkcs12({
    name: made.name,
    privateKey: Buffer.from(x509.PemConverter.decodeFirst(made.privateKey)),
    certificates: made.certificates.map((pem) => new X509Certificate(pem).raw),
    password,
    format: key.format,
  })
  return { file, password }
}

async function keyOf(csr: string): Promise<Buffer> {
  try {
    return await readCsrKey(csr)
  } catch (cause) {
    if (!(cause instanceof CsrError)) throw cause
    throw new DirectoryError('DIRECTORY_REFUSED', cause.message, { cause })
  }
}

function faultOf({ device, days, key }: CertificateWish): string | null {
  if (device === '' || [...device].length > MAX_DEVICE_LABEL || /\p{C}/u.test(device))
    return `name the device, in 1 to ${MAX_DEVICE_LABEL} printable characters`
  if (!Number.isInteger(days) || days < 1 || days > MAX_CLIENT_DAYS)
    return `a certificate is good for 1 to ${MAX_CLIENT_DAYS} days`
  if (key.from === 'csr' || key.password === null) return null
  const { length } = key.password
  if (length < MIN_PASSWORD || length > MAX_PASSWORD || !/^[\x20-\x7e]+$/.test(key.password))
    return `a password for the file has ${MIN_PASSWORD} to ${MAX_PASSWORD} characters that every keyboard has; leave it out to have one made`
  return null
}

function readAuthority(pem: string): X509Certificate {
  const count = pem.split('-----BEGIN CERTIFICATE-----').length - 1
  if (pem.length > MAX_CERTIFICATE_CHARACTERS || count !== 1)
    throw refused(
      'give one certificate in PEM: that of the authority which signs the others itself',
    )
  try {
    const certificate = new X509Certificate(pem)
    if (certificate.ca) return certificate
  } catch (cause) {
    throw refused('this is no certificate in PEM', { cause })
  }
  throw refused('this is no certificate of an authority (no CA among its basic constraints)')
}

function faultOfUrl(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  const isTaken =
    (url?.protocol === 'https:' || url?.protocol === 'http:') &&
    url.username === '' &&
    url.password === ''
  return isTaken
    ? null
    : 'a CRL is fetched from an http or https address without user name and password'
}

function refuse(fault: string | null): void {
  if (fault !== null) throw refused(fault)
}

function refused(fault: string, options?: ErrorOptions): DirectoryError {
  return new DirectoryError('DIRECTORY_REFUSED', fault, options)
}
