import {
  checkMsChap2,
  type EapAnswer,
  type EapAttempt,
  EapGtc,
  type EapMethod,
  EapMsChapV2,
  EapPeap,
  EapServer,
  EapTls,
  EapTtls,
  makeTlsContext,
  type TlsContext,
  type TlsSettings,
  type Verdict,
} from '../../protocols/radius/index.ts'
import {
  issueServerCertificate,
  makeAuthority,
} from '../../src/credentials/certificates/authority.ts'
import { ntHash } from '../../src/credentials/nt-hash.ts'

export const never = new AbortController().signal

type Answer = EapAnswer<string, string>

/** The password somebody came with; null with another proof. */
export function passwordOf({ proof }: EapAttempt<string>): string | null {
  return proof.kind === 'password' ? proof.password.toString() : null
}

/** An EAP server that offers EAP-TTLS to everybody, EAP-TLS if asked to, and knows alice with `right`. */
export class EapBench {
  readonly server: EapServer<string, string>
  readonly attempts: EapAttempt<string>[] = []
  /** Peers that fell silent. */
  readonly abandoned: string[] = []
  readonly clock = { nowMs: 0 }
  readonly caPem: string
  /** What the authenticate port does; by default alice's password is right. */
  verdict: (attempt: EapAttempt<string>) => Verdict<string> | Promise<Verdict<string>> = (
    attempt,
  ) => {
    const { name, proof } = attempt
    const no = { ok: false, reason: 'wrong-password' } as const
    if (name !== 'alice') return no
    if (proof.kind === 'ms-chap-2') {
      const msChap = checkMsChap2(ntHash(Buffer.from('right')), proof)
      return msChap === null ? no : { ok: true, grant: 'vlan 42', msChap }
    }
    return passwordOf(attempt) === 'right' ? { ok: true, grant: 'vlan 42' } : no
  }
  offersTtls = true
  offersPeap = false
  /** What may be shown inside either tunnel; plain MS-CHAPv2 as well where EAP-MSCHAPv2 may. */
  inner: ('pap' | 'gtc' | 'mschapv2')[] = ['pap']
  requiresBinding = false
  offersTls = false
  /** Whether somebody whose session is kept may resume it; asked where the bench resumes at all. */
  mayResume: (resumption: string) => boolean = () => true
  framedMtu: number | null = null
  readonly context: TlsContext
  readonly #ttls: EapTtls<string, string>
  readonly #peap: EapPeap<string, string>
  readonly #tls: EapTls<string, string>

  private constructor(
    pair: { readonly caPem: string; readonly certificate: string; readonly privateKey: string },
    options: {
      readonly settings: TlsSettings
      readonly resumes: boolean
      readonly maxConversations: number
    },
  ) {
    this.caPem = pair.caPem
    this.context = makeTlsContext(
      { certificate: pair.certificate, key: pair.privateKey },
      options.settings,
    )
    const authenticate = (attempt: EapAttempt<string>) => {
      this.attempts.push(attempt)
      return this.verdict(attempt)
    }
    const method = {
      tls: () => this.context,
      authenticate,
      ...(options.resumes
        ? { mayResume: (_context: string, resumption: string) => this.mayResume(resumption) }
        : {}),
    }
    const innerEap = (tunnel: string): EapMethod<string, string>[] =>
      this.inner.flatMap((method): EapMethod<string, string>[] => {
        const options = { authenticate, name: `eap-${tunnel}-${method}` }
        if (method === 'gtc') return [new EapGtc(options)]
        return method === 'mschapv2' ? [new EapMsChapV2(options)] : []
      })
    this.#ttls = new EapTtls({
      ...method,
      methodsOf: () => ({
        pap: this.inner.includes('pap'),
        msChap2: this.inner.includes('mschapv2'),
        eap: innerEap('ttls'),
      }),
    })
    this.#peap = new EapPeap({
      ...method,
      methodsOf: () => innerEap('peap'),
      requiresBinding: () => this.requiresBinding,
    })
    this.#tls = new EapTls(method)
    this.server = new EapServer({
      onAbandoned: ({ outerIdentity, method }, stage) =>
        this.abandoned.push(`${outerIdentity} ${method} ${stage}`),
      holder: { daemon: Buffer.from('test'), worker: 7 },
      limits: { maxConversations: options.maxConversations },
      now: () => this.clock.nowMs,
    })
  }

  static async make(
    options: {
      readonly settings?: TlsSettings
      readonly resumes?: boolean
      readonly maxConversations?: number
    } = {},
  ): Promise<EapBench> {
    const authority = await makeAuthority('Test Root', Date.now())
    const names = ['radius.example.test']
    const issued = await issueServerCertificate(authority, { names, nowMs: Date.now() })
    return new EapBench(
      { ...issued, caPem: authority.certificate },
      {
        settings: options.settings ?? {},
        resumes: options.resumes ?? false,
        maxConversations: options.maxConversations ?? 100,
      },
    )
  }

  send(eap: Buffer, state: Buffer | null, owner = 'ap-1'): Promise<Answer> {
    return this.server.answer(
      {
        eap,
        state,
        framedMtu: this.framedMtu,
        owner,
        open: () => ({ context: 'corp', methods: this.#offered() }),
      },
      never,
    )
  }

  #offered(): EapMethod<string, string>[] {
    return [
      ...(this.offersTls ? [this.#tls] : []),
      ...(this.offersTtls ? [this.#ttls] : []),
      ...(this.offersPeap ? [this.#peap] : []),
    ]
  }

  /** A way to send for one peer, which keeps State; `answers` has all that came back. */
  peer(): { answers: Answer[]; exchange: (eap: Buffer) => Promise<Answered> } {
    const answers: Answer[] = []
    return {
      answers,
      exchange: async (eap) => {
        const last = answers.at(-1)
        const answer = await this.send(eap, last?.kind === 'challenge' ? last.state : null)
        answers.push(answer)
        if (answer.kind === 'silence') throw new Error(`silence: ${answer.reason}`)
        return answer
      },
    }
  }

  /** Options of a client's TLS that trusts this server. */
  tls(version: 'TLSv1.2' | 'TLSv1.3') {
    return {
      ca: this.caPem,
      servername: 'radius.example.test',
      minVersion: version,
      maxVersion: version,
    } as const
  }
}

type Answered = Exclude<Answer, { readonly kind: 'silence' }>
