import type {
  CertificateAuthenticator,
  Circumstances,
  Outcome,
  Proved,
  ResumableLogins,
} from '../../credentials/authenticate.ts'
import type { Network } from '../../directory/network.ts'

/** Where and as what somebody came in; a session is good for nothing else. */
interface Place {
  readonly network: Network
  readonly device: string | null
}

/** What is kept with a TLS session. It never leaves this process, so it is plain. */
interface Resumption {
  readonly networkId: string
  /** A network whose policy has changed since wants a whole log-in. */
  readonly networkVersion: number
  readonly device: string | null
  readonly proof:
    | { readonly kind: 'password'; readonly token: string }
    /** base64 of DER, leaf first: what was proved is looked at again as if it had come now. */
    | { readonly kind: 'certificate'; readonly chain: readonly string[] }
}

export interface ResumptionsParts {
  readonly logins: ResumableLogins
  readonly certificates: CertificateAuthenticator | null
}

/** Writes down what a log-in was made of, and asks about it again when its session is resumed. */
export class Resumptions {
  readonly #parts: ResumptionsParts

  constructor(parts: ResumptionsParts) {
    this.#parts = parts
  }

  ofPassword(place: Place, proved: Proved): string | null {
    if (!isServed(place)) return null
    const token = this.#parts.logins.remember(proved)
    return token === null ? null : write(place, { kind: 'password', token })
  }

  ofCertificate(place: Place, chain: readonly Buffer[]): string | null {
    if (!isServed(place)) return null
    return write(place, {
      kind: 'certificate',
      chain: chain.map((certificate) => certificate.toString('base64')),
    })
  }

  /** Whether to let the peer resume at all; what it answers is no log-in yet. */
  mayResume(place: Place, resumption: string): boolean {
    const { network, device } = place
    if (!isServed(place)) return false
    const { networkId, networkVersion, proof, ...kept } = JSON.parse(resumption) as Resumption
    if (networkId !== network.id || networkVersion !== network.version) return false
    if (kept.device !== device) return false
    return proof.kind === 'certificate' || this.#parts.logins.isCurrent(proof.token)
  }

  resume(
    resumption: string,
    attempt: Circumstances & { readonly name: string },
    signal: AbortSignal,
  ): Outcome | Promise<Outcome> {
    const { proof } = JSON.parse(resumption) as Resumption
    if (proof.kind === 'password') {
      return this.#parts.logins.resume({ ...attempt, token: proof.token })
    }
    if (this.#parts.certificates === null) throw new Error('no way to check a certificate')
    const chain = proof.chain.map((certificate) => Buffer.from(certificate, 'base64'))
    return this.#parts.certificates.authenticateCertificate({ ...attempt, chain }, { signal })
  }
}

/**
 * Whether the network lets sessions go on. Where a one-time code is asked for, one that went on
 * without would be a way round it, whatever the network says.
 */
function isServed({ network }: Place): boolean {
  return network.resumption === true && (network.secondFactor ?? null) === null
}

function write({ network, device }: Place, proof: Resumption['proof']): string {
  const resumption: Resumption = {
    networkId: network.id,
    networkVersion: network.version,
    device,
    proof,
  }
  return JSON.stringify(resumption)
}
