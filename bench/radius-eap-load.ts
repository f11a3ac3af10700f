import { createSecureContext, type SecureContext } from 'node:tls'
import { EapType } from '../protocols/radius/index.ts'
import { TtlsClient, type TtlsClientOptions } from '../test/support/eap-ttls-client.ts'
import { PeapPeer } from '../test/support/peap-peer.ts'
import { type CheckedReply, mskOf, TestNas } from '../test/support/radius-client.ts'
import {
  type Credential,
  type Load,
  type LoadResult,
  PATIENCE_MS,
  personAt,
  sorted,
  type Target,
  visitAttributes,
} from './radius-load.ts'

const FRAGMENT_BYTES = 1_400

export type EapWay = 'ttls-pap' | 'peap-mschapv2' | 'tls'

export interface ClientCertificate {
  readonly certificate: string
  readonly privateKey: string
}

export interface TlsChoice {
  /** Null to take any certificate. */
  readonly caPem: string | null
  readonly serverName: string
  readonly cipher: string
}

export interface EapLoad extends Load {
  readonly way: EapWay
  readonly devices: Devices
  /**
   * Sessions by name. A log-in resumes the one that is there, and must be resumed then; else it
   * leaves its own. Without it all log-ins are whole.
   */
  readonly sessions?: Map<string, Buffer>
}

export interface EapResult extends LoadResult {
  /** Access-Requests of one log-in, the same for each. */
  readonly rounds: number
}

/** Devices that speak TLS 1.2 over P-256, some with certificates. */
export class Devices {
  readonly serverName: string
  readonly verify: boolean
  readonly #plain: SecureContext
  readonly #certified: ReadonlyMap<string, SecureContext>

  constructor(tls: TlsChoice, certificates: ReadonlyMap<string, ClientCertificate>) {
    const make = (more: { readonly cert?: string; readonly key?: string }) =>
      createSecureContext({
        ...(tls.caPem === null ? {} : { ca: tls.caPem }),
        ciphers: tls.cipher,
        ecdhCurve: 'prime256v1',
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.2',
        ...more,
      })
    this.serverName = tls.serverName
    this.verify = tls.caPem !== null
    this.#plain = make({})
    this.#certified = new Map(
      [...certificates].map(([name, { certificate, privateKey }]) => [
        name,
        make({ cert: certificate, key: privateKey }),
      ]),
    )
  }

  contextOf(way: EapWay, name: string): SecureContext {
    const found = way === 'tls' ? this.#certified.get(name) : this.#plain
    if (found === undefined) throw new Error(`${name} has no certificate`)
    return found
  }
}

/** Whole EAP conversations; each must be accepted and end with the same keys on both sides. */
export async function loadEap(target: Target, load: EapLoad): Promise<EapResult> {
  const latenciesMs: number[] = []
  const rounds = new Set<number>()
  let next = 0
  const worker = async (): Promise<void> => {
    const nas = new TestNas(target.port, target.secret, PATIENCE_MS)
    try {
      while (next < load.count) {
        const person = personAt(load, next)
        next += 1
        const startedAtMs = performance.now()
        rounds.add(await logIn(nas, load, person))
        latenciesMs.push(performance.now() - startedAtMs)
      }
    } finally {
      nas.close()
    }
  }
  const startedAtMs = performance.now()
  await Promise.all(Array.from({ length: load.concurrency }, worker))
  const elapsedMs = performance.now() - startedAtMs
  if (rounds.size !== 1) throw new Error(`log-ins of ${[...rounds].join(' and ')} requests`)
  return { elapsedMs, latenciesMs: sorted(latenciesMs), rounds: [...rounds][0] ?? 0 }
}

/** @returns how many Access-Requests it took */
export async function logIn(
  nas: TestNas,
  { way, devices, sessions }: Pick<EapLoad, 'way' | 'devices' | 'sessions'>,
  person: Credential,
): Promise<number> {
  const { name } = person
  const session = sessions?.get(name)
  const peer = new PeapPeer(person)
  const client = new TtlsClient({
    outerIdentity: name,
    fragmentBytes: FRAGMENT_BYTES,
    ...optionsOf(way, person, peer),
    tls: {
      secureContext: devices.contextOf(way, name),
      servername: devices.serverName,
      rejectUnauthorized: devices.verify,
      ...(session === undefined ? {} : { session }),
    },
  })
  const attributes = visitAttributes(name)
  let last: CheckedReply | null = null
  const outcome = await client.run(async (eap) => {
    const answer = await nas.sendEap(eap, attributes)
    last = answer.reply
    return answer
  })
  const msk = way === 'peap-mschapv2' ? peer.msk : outcome.msk
  const given = last === null ? null : mskOf(last, nas.secret)
  if (
    outcome.kind !== 'accept' ||
    outcome.protocol !== 'TLSv1.2' ||
    outcome.isResumed !== (session !== undefined) ||
    msk === null ||
    given?.equals(msk) !== true
  )
    throw new Error(
      `${way} of ${name}: ${outcome.kind}, ${outcome.protocol}, ` +
        `resumed ${outcome.isResumed}, ${outcome.tlsError ?? 'no fault of TLS'}`,
    )
  if (session === undefined && outcome.session !== null) sessions?.set(name, outcome.session)
  return outcome.rounds + 1
}

function optionsOf(
  way: EapWay,
  person: Credential,
  peer: PeapPeer,
): Omit<TtlsClientOptions, 'tls'> {
  if (way === 'tls') return { type: EapType.tls }
  return way === 'ttls-pap' ? person : { type: EapType.peap, talk: peer.talk }
}
