import { X509Certificate } from 'node:crypto'
import { ClientCertificateAuthenticator } from '../../src/credentials/certificate-authenticator.ts'
import {
  ALGORITHM,
  DAY_MS,
  exportKey,
  generateKeys,
  importKey,
  type KeyedCertificate,
  makeAuthority,
  makeSerial,
} from '../../src/credentials/certificates/authority.ts'
import {
  type AuthorityUrls,
  type ClientSubject,
  issueClientCertificate,
  makeClientKey,
} from '../../src/credentials/certificates/client-certificate.ts'
import { ClientTrustIndex } from '../../src/credentials/certificates/client-trust.ts'
import { RevocationStatus } from '../../src/credentials/certificates/revocation-status.ts'
import { x509 } from '../../src/credentials/certificates/x509.ts'
import {
  type CertificateWish,
  ClientCertificates,
} from '../../src/credentials/client-certificates.ts'
import type {
  CertificateEntity,
  ClientAuthority,
  ClientCertificate,
} from '../../src/directory/client-certificate.ts'
import type { Freshness } from '../../src/directory/directory.ts'
import { type ClientAuthorityId, type ClientCertificateId, makeId } from '../../src/directory/id.ts'
import type { ClientCertificateStore } from '../../src/directory/ports/certificates.ts'
import type { AuthEvent } from '../../src/observe/auth-event.ts'
import { aNetwork, aPerson, MemoryDirectory } from './directory.ts'
import { testActor } from './people.ts'

const stored = { changed: 1, inboxSeq: 1n }

/** Tells an index at once what a database would by the journal. */
class MemoryCertificateStore implements ClientCertificateStore {
  readonly #trust: ClientTrustIndex
  readonly #nowMs: () => number
  #version = 0

  constructor(trust: ClientTrustIndex, nowMs: () => number) {
    this.#trust = trust
    this.#nowMs = nowMs
  }

  async addAuthority(authority: Parameters<ClientCertificateStore['addAuthority']>[0]) {
    const id = makeId<ClientAuthorityId>()
    const none = { crl: null, crlTakenAtMs: null, crlError: null }
    this.#tell({ kind: 'client-authority', id, ...authority, ...none })
    return { ...stored, id }
  }

  async updateAuthority(id: ClientAuthorityId, change: Partial<ClientAuthority>) {
    this.#tell({ ...this.#authority(id), ...change })
    return stored
  }

  async removeAuthority(id: ClientAuthorityId) {
    this.#trust.apply([{ kind: 'client-authority', id, value: null, usn: 1, atMs: 0 }])
    return stored
  }

  async putCrl(id: ClientAuthorityId, outcome: { crl: Buffer } | { error: string }) {
    const change =
      'crl' in outcome
        ? { crl: outcome.crl, crlTakenAtMs: this.#nowMs(), crlError: null }
        : { crlError: outcome.error }
    this.#tell({ ...this.#authority(id), ...change })
    return stored
  }

  async addCertificate(certificate: Parameters<ClientCertificateStore['addCertificate']>[0]) {
    const id = makeId<ClientCertificateId>()
    const fresh = { createdAtMs: this.#nowMs(), revokedAtMs: null, reason: null }
    this.#tell({ kind: 'client-certificate', id, ...certificate, ...fresh })
    return { ...stored, id }
  }

  async revokeCertificate(id: ClientCertificateId, reason: ClientCertificate['reason']) {
    const held = this.#trust.byId(id)
    if (held === null || held.revokedAtMs !== null) return { changed: 0, inboxSeq: null }
    this.#tell({ ...held, revokedAtMs: this.#nowMs(), reason })
    return stored
  }

  #authority(id: string): ClientAuthority {
    const found = this.#trust.authorities().find(({ value }) => value.id === id)
    if (found === undefined) throw new Error('no such authority')
    return found.value
  }

  #tell(entity: Omit<ClientAuthority, 'version'> | Omit<ClientCertificate, 'version'>): void {
    this.#version += 1
    const value = { ...entity, version: this.#version } as CertificateEntity
    this.#trust.apply([{ kind: value.kind, id: value.id, value, usn: 1, atMs: 0 }])
  }
}

/** Everything about clients' certificates without a database, with a clock of its own. */
export class CertificateBench {
  readonly alice = aPerson({ username: 'alice' })
  readonly bob = aPerson({ username: 'bob' })
  readonly network = aNetwork({ name: 'corp', methods: ['tls'] })
  readonly directory = new MemoryDirectory(this.alice, this.bob, this.network)
  readonly trust = new ClientTrustIndex()
  readonly events: AuthEvent[] = []
  nowMs = Date.now()
  freshness: Freshness = 'fresh'
  readonly certificates: ClientCertificates
  readonly authenticator = new ClientCertificateAuthenticator({
    directory: this.directory.model,
    trust: this.trust,
    events: { record: (event) => this.events.push(event) },
    freshness: () => this.freshness,
    nowMs: () => this.nowMs,
  })
  readonly status = new RevocationStatus({
    trust: this.trust,
    freshness: () => this.freshness,
    nowMs: () => this.nowMs,
  })

  constructor(urls: AuthorityUrls | null = null) {
    const nowMs = () => this.nowMs
    this.certificates = new ClientCertificates({
      store: new MemoryCertificateStore(this.trust, nowMs),
      trust: this.trust,
      urls,
      organization: () => 'Contoso',
      reached: async () => undefined,
      nowMs,
    })
  }

  issue(wish: Partial<CertificateWish> = {}) {
    const key = { from: 'here', password: null, format: 'compatible' } as const
    return this.certificates.issue(
      this.alice,
      { device: 'laptop', days: 365, key, ...wish },
      testActor,
    )
  }

  /** Whom a chain lets in, or why it does not. */
  logIn(...chain: readonly (string | Buffer)[]): string {
    const outcome = this.authenticator.authenticateCertificate({
      chain: chain.map((one) => new X509Certificate(one).raw),
      name: 'anonymous',
      resource: { kind: 'network', network: this.network },
      method: 'eap-tls',
      address: '192.0.2.1',
      device: '02-00-00-00-00-01',
    })
    if (!outcome.ok) return outcome.denial
    return outcome.who.value.kind === 'person' ? outcome.who.value.username : 'a service'
  }

  /** An authority of a company, made by our own code but with a key elsewhere. */
  async company(): Promise<KeyedCertificate> {
    return await makeAuthority('Fabrikam Issuing CA', this.nowMs)
  }

  trustCompany(
    { certificate }: Pick<KeyedCertificate, 'certificate'>,
    matching: Partial<ClientAuthority['matching']> = {},
    name = 'fabrikam',
  ) {
    const wish = {
      name,
      certificate,
      matching: { names: ['id', 'mail', 'upn'], domains: null, ...matching } as const,
      crlUrl: null,
    }
    return this.certificates.addAuthority(wish, testActor)
  }
}

/** An authority below another, as a company's issuing one is below its root. */
export async function authorityBelow(
  above: KeyedCertificate,
  name: string,
): Promise<KeyedCertificate> {
  const keys = await generateKeys()
  const nowMs = Date.now()
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: makeSerial(),
    subject: [{ CN: [name] }],
    issuer: new x509.X509Certificate(above.certificate).subject,
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + 365 * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: await importKey(above.privateKey),
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  return { certificate: made.toString('pem'), privateKey: await exportKey(keys.privateKey) }
}

/** A certificate under any authority, with these names; PEM. */
export async function issueUnder(
  authority: KeyedCertificate,
  names: Partial<ClientSubject>,
): Promise<string> {
  const { publicKey } = await makeClientKey()
  const subject = {
    principalId: '00000000-0000-4000-8000-00000000ffff',
    username: 'somebody',
    device: 'laptop',
    mail: null,
    upn: null,
    ...names,
  }
  const made = await issueClientCertificate(authority, {
    subject,
    publicKey,
    days: 30,
    nowMs: Date.now(),
    urls: null,
  })
  return made.certificate
}
