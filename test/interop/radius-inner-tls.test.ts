import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  AttributeType,
  type EapAttempt,
  EapPeap,
  EapServer,
  EapTls,
  EapTtls,
  findValue,
  joinEapMessage,
  makeMppeKeys,
  makeOctets,
  makeTlsContext,
  PacketCode,
  type RadiusRequest,
  RadiusServer,
  type Reply,
  SharedSecret,
  splitEapMessage,
  type Verdict,
} from '../../protocols/radius/index.ts'
import { EapolTest, tlsVersions } from '../support/eapol-test.ts'
import { GatewayBench, nasSecret } from '../support/radius-gateway.ts'
import { runTool } from '../support/run-tool.ts'
import { withTools } from '../support/tools.ts'

type Attempt = EapAttempt<string>

/** A RADIUS server that offers EAP-TLS inside EAP-TTLS and PEAP, and knows alice by her certificate. */
class InnerTlsBench {
  readonly attempts: Attempt[] = []
  readonly faults: unknown[] = []
  readonly failures: string[] = []
  /** Whether sessions may be resumed, and whether a resumed one is let in. */
  resumes = false
  believesResumed = true
  readonly #server: RadiusServer
  readonly #eap = new EapServer<string, string>({
    holder: { daemon: Buffer.from('test'), worker: 0 },
  })

  constructor(pair: { certificate: string; privateKey: string }, authority: string) {
    const context = makeTlsContext(
      { certificate: pair.certificate, key: pair.privateKey },
      { authorities: [authority] },
    )
    const common = {
      tls: () => context,
      authenticate: (attempt: Attempt) => this.#authenticate(attempt),
    }
    const outside = { ...common, mayResume: () => this.resumes }
    const inside = (method: string) => [new EapTls<string, string>({ ...common, method })]
    const methods = [
      new EapTtls<string, string>({
        ...outside,
        methodsOf: () => ({ pap: false, msChap2: false, eap: inside('eap-ttls-tls') }),
      }),
      new EapPeap<string, string>({
        ...outside,
        methodsOf: () => inside('eap-peap-tls'),
        requiresBinding: () => false,
      }),
    ]
    const client = {
      name: 'ap',
      addresses: ['127.0.0.0/8'],
      secrets: [new SharedSecret(Buffer.from(nasSecret))],
      requireMessageAuthenticator: 'yes',
      limitProxyState: true,
    } as const
    this.#server = new RadiusServer({
      auth: [{ host: '127.0.0.1', port: 0 }],
      acct: [],
      findClient: () => client,
      handler: {
        access: async (request, signal) => {
          const opening = { context: 'corp', methods }
          const answer = await this.#eap.answer(
            {
              eap: joinEapMessage(request.packet.attributes) ?? Buffer.alloc(0),
              state: findValue(request.packet.attributes, AttributeType.state),
              framedMtu: null,
              owner: 'ap',
              open: () => opening,
            },
            signal,
          )
          if (answer.kind === 'reject') this.failures.push(answer.failure.reason)
          return toReply(answer, request)
        },
        account: () => true,
      },
      observer: {
        dropped: () => undefined,
        answered: () => undefined,
        failed: (error) => this.faults.push(error),
      },
    })
  }

  get authPort(): number {
    return this.#server.addresses('auth')[0]?.port ?? 0
  }

  start(): Promise<void> {
    return this.#server.start(AbortSignal.timeout(5_000))
  }

  async stop(): Promise<void> {
    await this.#server.stop()
    this.#eap.closeAll()
  }

  #authenticate(attempt: Attempt): Verdict<string> {
    this.attempts.push(attempt)
    const { proof } = attempt
    if (proof.kind === 'resumption') {
      const isGood = this.believesResumed && proof.resumption === 'alice'
      return isGood ? { ok: true, grant: 'corp', resumption: 'alice' } : no('held')
    }
    const [leaf] = proof.kind === 'certificate' ? proof.chain : []
    const isAlice = leaf !== undefined && new X509Certificate(leaf).subject === 'CN=alice'
    return isAlice ? { ok: true, grant: 'corp', resumption: 'alice' } : no('certificate-unmatched')
  }
}

function no(reason: string) {
  return { ok: false, reason } as const
}

function toReply(
  answer: Awaited<ReturnType<EapServer<string, string>['answer']>>,
  { packet, secret }: RadiusRequest,
): Reply | null {
  switch (answer.kind) {
    case 'challenge':
      return {
        code: PacketCode.accessChallenge,
        attributes: [makeOctets(AttributeType.state, answer.state), ...splitEapMessage(answer.eap)],
      }
    case 'accept': {
      const wrap = { secret: secret.bytes, requestAuthenticator: packet.authenticator }
      const keys = makeMppeKeys(answer.msk, wrap)
      return {
        code: PacketCode.accessAccept,
        attributes: [...splitEapMessage(answer.eap), ...keys],
      }
    }
    case 'reject':
      return { code: PacketCode.accessReject, attributes: splitEapMessage(answer.eap) }
    default:
      return null
  }
}

/** An authority and what it issued, by openssl, so that certificates are none of our making. */
async function issue(folder: string, authority: string, name: string): Promise<string[]> {
  const path = (file: string) => join(folder, file)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '1']
  const own = ['-keyout', path(`${authority}.key`), '-out', path(`${authority}.pem`)]
  await runTool('openssl', ['req', '-x509', ...key, ...own, '-subj', `/CN=${authority}`])
  const files = [path(`${authority}-${name}.pem`), path(`${authority}-${name}.key`)] as const
  const by = ['-CA', path(`${authority}.pem`), '-CAkey', path(`${authority}.key`)]
  const leaf = ['-addext', 'basicConstraints=CA:FALSE', '-addext', 'extendedKeyUsage=clientAuth']
  const out = ['-out', files[0], '-keyout', files[1], '-subj', `/CN=${name}`]
  await runTool('openssl', ['req', '-x509', ...key, ...by, ...leaf, ...out])
  return [...files]
}

const needs = { name: 'eapol_test: EAP-TLS in a tunnel', tools: ['eapol_test', 'openssl'] }

await withTools(t, needs, async (t) => {
  const { caPem, ...pair } = await GatewayBench.makeCertificates()
  const target = { authPort: 0, caPem }
  const tool = new EapolTest(target)
  const alice = await issue(tool.folder, 'Clients', 'alice')
  const mallory = await issue(tool.folder, 'Strangers', 'alice')
  const bench = new InnerTlsBench(pair, readFileSync(join(tool.folder, 'Clients.pem'), 'utf8'))
  await bench.start()
  target.authPort = bench.authPort
  t.teardown(async () => {
    await bench.stop()
    tool.remove()
  })

  for (const version of tlsVersions) {
    for (const [eap, phase2, phase1] of [
      ['TTLS', 'autheap=TLS', ''],
      ['PEAP', 'auth=TLS', 'crypto_binding=2'],
    ] as const) {
      const run = (
        [certificate, key]: readonly string[],
        args: readonly string[] = [],
        binding: string = phase1,
      ) =>
        tool.run({
          ...{ version, eap, phase1: binding, phase2, args },
          more: [
            `client_cert2="${certificate}"`,
            `private_key2="${key}"`,
            `ca_cert2="${tool.caFile}"`,
          ],
        })
      await t.test(`${version} ${eap}: in by certificate, keys that match`, async (t) => {
        bench.failures.length = 0
        const right = await run(alice)
        t.ok(right.isSuccess, right.isSuccess ? '' : right.output.slice(-3_000))
        t.equal(right.keys, '1 0')
        t.match(bench.attempts.at(-1), {
          method: `eap-${eap.toLowerCase()}-tls`,
          outerIdentity: 'anonymous@contoso.example',
          name: 'alice',
          proof: { kind: 'certificate' },
          tls: version.slice(-3),
        })
        const before = bench.attempts.length
        const wrong = await run(mallory, [], '')
        t.notOk(wrong.isSuccess || wrong.isSilent)
        t.equal(bench.failures.at(-1), 'certificate-unknown-ca')
        t.equal(bench.attempts.length, before, 'a stranger is asked nothing more')
        t.same(bench.faults, [])
      })

      if (version === 'TLSv1.3') continue
      await t.test(
        `${version} ${eap}: a session is resumed, if she may still come in`,
        async (t) => {
          bench.resumes = true
          const again = await run(alice, ['-r1'])
          t.ok(again.isSuccess, again.isSuccess ? '' : again.output.slice(-3_000))
          t.equal(again.keys, '2 0')
          t.ok(again.resumed > 0, 'resumed')
          const method = `eap-${eap.toLowerCase()}-tls`
          t.match(bench.attempts.at(-1), { method, name: 'alice', proof: { kind: 'resumption' } })
          bench.believesResumed = false
          const held = await run(alice, ['-r1'], '')
          t.notOk(held.isSuccess || held.isSilent)
          t.equal(bench.failures.at(-1), 'held')
          bench.believesResumed = true
          bench.resumes = false
          const afresh = await run(alice, ['-r1'])
          t.equal(afresh.keys, '2 0')
          t.equal(afresh.resumed, 0)
          t.same(bench.faults, [])
        },
      )
    }
  }
})
