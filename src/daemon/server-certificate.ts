import type { ServerCertificateView } from '../admin/certificate-control.ts'
import type { Config } from '../config/config.ts'
import { DAY_MS } from '../credentials/certificates/authority.ts'
import type {
  CertificateFiles,
  ServerCertificate,
} from '../credentials/certificates/server-certificate.ts'
import {
  type CertificateFinding,
  expiryState,
  firstToEnd,
  judgeServerChain,
} from '../credentials/certificates/server-findings.ts'
import type { Service } from '../lifecycle.ts'
import type { CheckResult } from '../observe/health.ts'
import type { Observers } from './directory.ts'

export interface CertificateWatchParts extends Observers {
  readonly certificate: Pick<ServerCertificate, 'served' | 'chain' | 'refusal'>
  /** Null where the built-in CA issues it. */
  readonly files: CertificateFiles | null
  /** Who shows it, such as `eap`. */
  readonly uses: readonly string[]
  readonly nowMs?: () => number
}

const LOOK_MS = 3_600_000

/** Tells of a server certificate's end before devices do: health, metric, and once a day the log. */
export class CertificateWatch implements Service {
  readonly name = 'server certificate watch'
  readonly #parts: CertificateWatchParts
  readonly #nowMs: () => number
  #timer: NodeJS.Timeout | null = null
  #warnedAtMs = Number.NEGATIVE_INFINITY

  constructor(parts: CertificateWatchParts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? Date.now
    parts.health.register('server certificate', () => this.check(), { decidesReady: false })
    parts.metrics.watchEach(
      'server_certificate_expiry_seconds',
      {
        help: 'Time until the chain that is shown ends, by who shows it; negative after',
        label: 'use',
      },
      () => {
        const seconds = (this.#endMs() - this.#nowMs()) / 1_000
        return Object.fromEntries(parts.uses.map((use) => [use, seconds]))
      },
    )
  }

  async start(): Promise<void> {
    this.tellFindings()
    this.#timer = setInterval(() => this.look(), LOOK_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
  }

  /** Logs, once a day, that the end is near. */
  look(): void {
    const nowMs = this.#nowMs()
    if (nowMs - this.#warnedAtMs < DAY_MS) return
    const finding = this.#findings().find(isOfExpiry)
    if (finding === undefined) return
    this.#warnedAtMs = nowMs
    const { log, files } = this.#parts
    log.warn('certificate.ends-soon', {
      said: finding.said,
      daysLeft: Math.floor((this.#endMs() - nowMs) / DAY_MS),
      file: files?.certFile ?? null,
    })
  }

  /** Logs what devices mind in the certificate that is shown from now on. */
  tellFindings(): void {
    for (const finding of this.#findings()) {
      const { code, verdict, said } = finding
      if (verdict === 'bad' && !isOfExpiry(finding))
        this.#parts.log.warn('certificate.finding', { code, said })
    }
    this.#warnedAtMs = Number.NEGATIVE_INFINITY
    this.look()
  }

  /** Without the names of files, since everybody may read it. */
  check(): CheckResult {
    const { certificate } = this.#parts
    const state = expiryState(certificate.chain, this.#nowMs())
    const until = new Date(this.#endMs()).toISOString().slice(0, 10)
    const isRefused = certificate.refusal !== null
    const told = [
      state === 'over' ? `expired on ${until}` : `good until ${until}`,
      ...(isRefused ? ['what is to replace it is refused'] : []),
    ]
    if (state === 'good' && !isRefused) return { ok: true, detail: told.join('') }
    return {
      ok: !isRefused && state === 'soon',
      detail: `${told.join('; ')}: gatehouse certificate server`,
    }
  }

  view(): ServerCertificateView {
    const { certificate, files, uses } = this.#parts
    const { chain, refusal } = certificate
    const [leaf] = chain.links
    return {
      from: files === null ? 'built-in CA' : 'files',
      certFile: files?.certFile ?? null,
      keyFile: files?.keyFile ?? null,
      uses,
      names: chain.names,
      subject: leaf.subject,
      serial: chain.serial,
      fingerprint: chain.fingerprint,
      key: leaf.key,
      startsAt: new Date(leaf.startsAtMs).toISOString(),
      expiresAt: new Date(leaf.endsAtMs).toISOString(),
      chain: chain.links.map(({ subject, issuer, endsAtMs }) => ({
        subject,
        issuer,
        expiresAt: new Date(endsAtMs).toISOString(),
      })),
      chainEnd: chain.end,
      refusal,
      findings: this.#findings(),
    }
  }

  #endMs(): number {
    return firstToEnd(this.#parts.certificate.chain).endsAtMs
  }

  #findings(): readonly CertificateFinding[] {
    return judgeServerChain(this.#parts.certificate.chain, this.#nowMs())
  }
}

function isOfExpiry({ code }: CertificateFinding): boolean {
  return code === 'expired' || code === 'ends-soon'
}

/** Who shows the server's certificate, by what listens. */
export function certificateUses({ listen }: Config): readonly string[] {
  const { ldap, ldaps, https, radiusAuth, radsec } = listen
  return [
    ...(ldap.length + ldaps.length > 0 ? ['ldap'] : []),
    ...(https.length > 0 ? ['https'] : []),
    ...(radiusAuth.length + radsec.length > 0 ? ['eap'] : []),
    ...(radsec.length > 0 ? ['radsec'] : []),
  ]
}
