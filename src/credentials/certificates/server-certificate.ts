import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { Service } from '../../lifecycle.ts'
import {
  expiryMs,
  isPair,
  issueServerCertificate,
  type KeyedCertificate,
  makeAuthority,
  namesOf,
} from './authority.ts'

/** Certificates that all daemons on a database share, by purpose; storage implements it. */
export interface CertificatePort {
  ensure(
    purpose: string,
    isGood: (stored: KeyedCertificate) => boolean,
    make: () => Promise<KeyedCertificate>,
  ): Promise<KeyedCertificate>
}

export interface ServerCertificateOptions {
  /** PEM files; null takes one from the built-in CA. */
  readonly files: { readonly certFile: string; readonly keyFile: string } | null
  /** Names the certificate must speak for; the first is the one devices are told. */
  readonly names: readonly string[]
  readonly organization: string | null
  readonly store: CertificatePort
  readonly nowMs?: () => number
  /** Told when another certificate is to be served from now on. */
  readonly onReplaced: (served: ServedCertificate) => void
  /** Told when files changed and cannot be used; the one before goes on being served. */
  readonly onFault: (error: unknown) => void
}

export interface ServedCertificate extends KeyedCertificate {
  /** What a client has to trust; PEM. Null for files, whose CA is the admin's own. */
  readonly authority: string | null
  readonly names: readonly string[]
  readonly issuer: string
  readonly expiresAtMs: number
}

const LOOK_MS = 30_000
const RENEW_BEFORE_MS = 60 * 86_400_000

/** The certificate that LDAPS, HTTPS and EAP show: read from files, or issued by the built-in CA. */
export class ServerCertificate implements Service {
  readonly name = 'server certificate'
  readonly #options: ServerCertificateOptions
  readonly #nowMs: () => number
  #served: ServedCertificate | null = null
  #stamp = ''
  #timer: NodeJS.Timeout | null = null
  #looking: Promise<void> = Promise.resolve()

  constructor(options: ServerCertificateOptions) {
    this.#options = options
    this.#nowMs = options.nowMs ?? Date.now
  }

  get served(): ServedCertificate {
    if (this.#served === null) throw new Error('the server certificate has not been loaded')
    return this.#served
  }

  async start(): Promise<void> {
    this.#served = await this.#load()
    this.#timer = setInterval(() => {
      this.#looking = this.#look()
    }, LOOK_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    try {
      if (!this.#isDue()) return
      const next = await this.#load()
      if (next.certificate === this.#served?.certificate) return
      this.#served = next
      this.#options.onReplaced(next)
    } catch (error) {
      this.#options.onFault(error)
    }
  }

  #isDue(): boolean {
    const { files } = this.#options
    if (files !== null) return stampOf(files) !== this.#stamp
    return this.served.expiresAtMs - this.#nowMs() < RENEW_BEFORE_MS
  }

  async #load(): Promise<ServedCertificate> {
    const { files } = this.#options
    if (files === null) return await this.#issue()
    this.#stamp = stampOf(files)
    const pair = {
      certificate: readFileSync(files.certFile, 'utf8'),
      privateKey: readFileSync(files.keyFile, 'utf8'),
    }
    if (!isPair(pair))
      throw new Error(
        `the key in ${files.keyFile} does not belong to the certificate in ${files.certFile}`,
      )
    return describe(pair, null)
  }

  async #issue(): Promise<ServedCertificate> {
    const { store, names, organization } = this.#options
    const nowMs = this.#nowMs()
    const authority = await store.ensure(
      'authority',
      () => true,
      () => makeAuthority(`${organization ?? 'Gatehouse'} identity CA`, nowMs),
    )
    const isGood = (stored: KeyedCertificate) => {
      const spokenFor = new Set(namesOf(stored.certificate))
      return (
        names.every((name) => spokenFor.has(name)) &&
        servesBothEnds(stored.certificate) &&
        expiryMs(stored.certificate) - nowMs > RENEW_BEFORE_MS
      )
    }
    // Daemons with other names have certificates of their own, under the same CA.
    const issued = await store.ensure(`server ${names.join(' ')}`, isGood, () =>
      issueServerCertificate(authority, { names, nowMs }),
    )
    return describe(issued, authority.certificate)
  }
}

function describe(pair: KeyedCertificate, authority: string | null): ServedCertificate {
  return {
    ...pair,
    authority,
    names: namesOf(pair.certificate),
    issuer: new X509Certificate(pair.certificate).issuer.replaceAll('\n', ', '),
    expiresAtMs: expiryMs(pair.certificate),
  }
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** Whether we may dial a RadSec peer with it as well; earlier versions issued none that may. */
function servesBothEnds(certificate: string): boolean {
  return new X509Certificate(certificate).keyUsage?.includes(CLIENT_AUTH) === true
}

function stampOf(files: { readonly certFile: string; readonly keyFile: string }): string {
  return [files.certFile, files.keyFile]
    .map((file) => `${statSync(file).mtimeMs} ${statSync(file).size}`)
    .join(' ')
}
