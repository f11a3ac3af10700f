import { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Service } from '../../lifecycle.ts'
import {
  expiryMs,
  issueServerCertificate,
  type KeyedCertificate,
  makeAuthority,
  namesOf,
} from './authority.ts'
import { readServerChain, ServerCertificateError, type ServerChain } from './server-chain.ts'
import { judgeKey, judgeServerChain } from './server-findings.ts'

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
  readonly files: CertificateFiles | null
  /** Names the certificate must speak for; the first is the one devices are told. */
  readonly names: readonly string[]
  readonly organization: string | null
  readonly store: CertificatePort
  readonly nowMs?: () => number
  /** Told when another certificate is to be served from now on. */
  readonly onReplaced: (served: ServedCertificate) => void
  /** Told once of each reason for which new files are not served; the ones before go on. */
  readonly onFault: (error: unknown) => void
  /** How often files are looked at; a change is taken at the second look that finds it the same. */
  readonly lookMs?: number
}

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface ServedCertificate extends KeyedCertificate {
  /** What a client has to trust; PEM. Null for files, whose CA is the admin's own. */
  readonly authority: string | null
  readonly names: readonly string[]
  readonly issuer: string
  readonly expiresAtMs: number
}

const LOOK_MS = 2_000
const RENEW_LOOK_MS = 30_000
const RENEW_BEFORE_MS = 60 * 86_400_000
/** A chain of the longest kind has some 30 KiB. */
const MAX_FILE_BYTES = 256 * 1024

/**
 * The certificate that LDAPS, HTTPS, RadSec and EAP show: read from files, and read again when they
 * change, or issued by the built-in CA, and issued again before it ends.
 */
export class ServerCertificate implements Service {
  readonly name = 'server certificate'
  readonly #options: ServerCertificateOptions
  readonly #nowMs: () => number
  #served: ServedCertificate | null = null
  #chain: ServerChain | null = null
  /** Of the files as they are served, and as the last look found them. */
  #servedStamp = ''
  #seenStamp = ''
  #refusal: string | null = null
  #timer: NodeJS.Timeout | null = null
  #looking: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(options: ServerCertificateOptions) {
    this.#options = options
    this.#nowMs = options.nowMs ?? Date.now
  }

  get served(): ServedCertificate {
    if (this.#served === null) throw new Error('the server certificate has not been loaded')
    return this.#served
  }

  /** What {@link served} consists of. */
  get chain(): ServerChain {
    this.#chain ??= readServerChain(this.served)
    return this.#chain
  }

  /** Why what is there now is not served, and how to mend it; null when it is. */
  get refusal(): string | null {
    return this.#refusal
  }

  /** @throws {ServerCertificateError} when there are files that cannot be served */
  async start(): Promise<void> {
    const { files, lookMs } = this.#options
    if (files === null) {
      this.#served = await this.#issue()
    } else {
      this.#servedStamp = await stampOf(files)
      this.#served = await readFiles(files)
    }
    this.#plan(lookMs ?? (files === null ? RENEW_LOOK_MS : LOOK_MS))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#looking
  }

  #plan(ms: number): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => this.#plan(ms))
    }, ms).unref()
  }

  async #look(): Promise<void> {
    const { files, onFault } = this.#options
    try {
      if (files === null) await this.#renew()
      else await this.#follow(files)
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error)
      if (said !== this.#refusal) onFault(error)
      this.#refusal = said
    }
  }

  async #renew(): Promise<void> {
    if (this.served.expiresAtMs - this.#nowMs() < RENEW_BEFORE_MS)
      this.#replace(await this.#issue())
    this.#refusal = null
  }

  /**
   * Files are mostly copied one after the other, so that a change is taken when two looks have found
   * it the same. What is refused is tried again at each look: it may begin to be good by itself.
   */
  async #follow(files: CertificateFiles): Promise<void> {
    const stamp = await stampOf(files)
    const isSettled = stamp === this.#seenStamp
    this.#seenStamp = stamp
    if (stamp !== this.#servedStamp) {
      if (!isSettled) return
      const [read] = await Promise.allSettled([this.#readGood(files)])
      // Written to meanwhile: half of what was read may be old, so nothing is to be said of it.
      if (stamp !== (await stampOf(files))) return
      if (read.status === 'rejected') throw read.reason
      this.#replace(read.value)
      this.#servedStamp = stamp
    }
    this.#refusal = null
  }

  /** What is over is served at a start all the same, since nothing at all would be worse. */
  async #readGood(files: CertificateFiles): Promise<ServedCertificate> {
    const next = await readFiles(files)
    const finding = judgeServerChain(readServerChain(next), this.#nowMs()).find(
      ({ code }) => code === 'expired' || code === 'not-yet-valid',
    )
    if (finding === undefined) return next
    throw new ServerCertificateError(`${files.certFile}: ${finding.said}`)
  }

  #replace(next: ServedCertificate): void {
    if (next.certificate === this.#served?.certificate) return
    this.#served = next
    this.#chain = null
    this.#options.onReplaced(next)
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

/** @throws {ServerCertificateError} when TLS could not be spoken with them */
async function readFiles(files: CertificateFiles): Promise<ServedCertificate> {
  const { certFile, keyFile } = files
  const certificate = await readText(certFile)
  const pair = { certificate, privateKey: await readText(keyFile) }
  try {
    const [finding] = judgeKey(readServerChain(pair))
    if (finding !== undefined) throw new ServerCertificateError(finding.said)
    // OpenSSL has a say of its own, as about keys that are too short.
    createSecureContext({ cert: pair.certificate, key: pair.privateKey })
    return describe(pair, null)
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    throw new ServerCertificateError(`${certFile} with ${keyFile}: ${said}`, { cause: error })
  }
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size <= MAX_FILE_BYTES) return await readFile(file, 'utf8')
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    throw new ServerCertificateError(
      `${file} cannot be read: ${said}; it must be there, and readable for the daemon’s account`,
      { cause: error },
    )
  }
  throw new ServerCertificateError(
    `${file} is larger than ${MAX_FILE_BYTES} bytes, which no certificate or key is`,
  )
}

/** Another one when a file is written, replaced or pointed elsewhere, or is gone. */
async function stampOf({ certFile, keyFile }: CertificateFiles): Promise<string> {
  const stamps = await Promise.all(
    [certFile, keyFile].map(async (file) => {
      const found = await stat(file).catch(() => null)
      return found === null ? 'none' : `${found.ino} ${found.mtimeMs} ${found.size}`
    }),
  )
  return stamps.join(' ')
}
