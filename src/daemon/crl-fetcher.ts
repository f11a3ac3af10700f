import type {
  ClientTrustIndex,
  TrustedAuthority,
} from '../credentials/certificates/client-trust.ts'
import { CrlError, MAX_CRL_BYTES } from '../credentials/certificates/crl.ts'
import type { ClientCertificates } from '../credentials/client-certificates.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { Service } from '../lifecycle.ts'
import type { CheckResult } from '../observe/health.ts'
import { Turns } from '../turns.ts'

/** How old what a company has revoked may be here, beside how often it publishes. */
const EVERY_MS = 15 * 60_000
const FIRST_MS = 5_000
const TIMEOUT_MS = 10_000
/** A list this near its end should have been followed by another. */
const SOON_MS = 12 * 60 * 60_000
const ACTOR = { name: 'system', reason: 'CRL fetched' } as const

export interface CrlFetcherParts {
  readonly leader: { readonly isLeader: boolean }
  readonly trust: ClientTrustIndex
  readonly certificates: Pick<ClientCertificates, 'takeCrl' | 'noteCrlFault'>
  readonly onFault: (error: unknown) => void
  readonly nowMs?: () => number
}

/**
 * Gets the CRLs of companies' authorities from where an admin said they are, and from nowhere else:
 * what stands in a certificate that somebody shows is never fetched. The leader does it for all.
 */
export class CrlFetcher implements Service {
  readonly name = 'CRL fetcher'
  readonly #parts: CrlFetcherParts
  readonly #turns: Turns
  readonly #nowMs: () => number

  constructor(parts: CrlFetcherParts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? Date.now
    this.#turns = new Turns({
      work: (signal) => this.#run(signal),
      onFault: parts.onFault,
      firstMs: FIRST_MS,
      everyMs: EVERY_MS,
    })
  }

  async start(): Promise<void> {
    this.#turns.start()
  }

  stop(): Promise<void> {
    return this.#turns.stop()
  }

  /** For `/health`: lists that have run out or soon will, which shut people out. */
  check(): CheckResult {
    const faults = this.#parts.trust.authorities().flatMap(({ value, crl }) => {
      const end = crl?.nextUpdateMs ?? null
      if (crl === null && value.crlUrl !== null)
        return [
          `the CRL of ${value.name} has not been fetched${value.crlError === null ? '' : `: ${value.crlError}`}`,
        ]
      const isSoon = end !== null && end - this.#nowMs() < SOON_MS
      const why = value.crlError === null ? '' : `; the last try failed: ${value.crlError}`
      return isSoon ? [`the CRL of ${value.name} ends on ${toIso(end)}${why}`] : []
    })
    return faults.length === 0 ? { ok: true } : { ok: false, detail: faults.join('; ') }
  }

  /** One authority's, at once. @throws {CrlError} that says why there is none */
  async fetch({ value }: Pick<TrustedAuthority, 'value'>, signal: AbortSignal): Promise<void> {
    if (value.crlUrl === null) throw new CrlError('no address is set to fetch it from')
    const bytes = await download(value.crlUrl, signal)
    await this.#parts.certificates.takeCrl(value, bytes, ACTOR)
  }

  async #run(signal: AbortSignal): Promise<void> {
    if (!this.#parts.leader.isLeader) return
    for (const authority of this.#parts.trust.authorities()) {
      if (authority.value.crlUrl === null || signal.aborted) continue
      const fault = await this.#try(authority, signal)
      if (fault === null) continue
      await this.#parts.certificates.noteCrlFault(authority.value, fault, ACTOR)
    }
  }

  /** Why there is none, in words; null when there is. Of a database that is away nothing is noted. */
  async #try(authority: TrustedAuthority, signal: AbortSignal): Promise<string | null> {
    try {
      await this.fetch(authority, signal)
      return null
    } catch (error) {
      if (signal.aborted || error instanceof DirectoryError) throw error
      if (error instanceof CrlError) return error.message
      this.#parts.onFault(error)
      return 'a fault of ours, see the log'
    }
  }
}

/** Redirects are not followed: they would lead where nobody said. @throws {CrlError} */
async function download(url: string, stopping: AbortSignal): Promise<Buffer> {
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(TIMEOUT_MS)])
  try {
    const response = await fetch(url, { redirect: 'error', signal })
    if (!response.ok) throw new CrlError(`${url} answers ${response.status}`)
    return await readAtMost(response, MAX_CRL_BYTES)
  } catch (cause) {
    if (cause instanceof CrlError) throw cause
    throw new CrlError(`${url} cannot be read: ${reasonOf(cause)}`, { cause })
  }
}

async function readAtMost(response: Response, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > most) throw new CrlError(`it is larger than ${most / 1024} KiB`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

function toIso(atMs: number): string {
  return new Date(atMs).toISOString()
}
