import { X509Certificate } from 'node:crypto'
import {
  HomeServer,
  type RadiusPeer,
  type RadsecCertificate,
  SharedSecret,
  TlsClient,
  UdpClient,
} from '../../../../protocols/radius/index.ts'
import type { HomeServerAddress, Realm } from '../../../directory/realm.ts'
import { LineLimit } from '../../../observe/line-limit.ts'
import type { Log } from '../../../observe/log.ts'

/** A NAS asks again after a few seconds; what takes longer is of no use to it. */
const RESPONSE_MS = 6_000
const retransmission = Object.freeze({
  initialMs: 2_000,
  maxWaitMs: 4_000,
  maxCount: 3,
  maxDurationMs: RESPONSE_MS,
})

export interface HomeServersParts {
  readonly certificate: () => RadsecCertificate
  /** PEM of the built-in CA; null when there is none. */
  readonly authority: string | null
  readonly log: Log
}

/** A server with what is needed to speak to it. */
export interface Home {
  readonly address: HomeServerAddress
  readonly secret: SharedSecret
  readonly auth: HomeServer
  /** The same over TLS; null where accounting is not forwarded. */
  readonly acct: HomeServer | null
}

/** The home servers of all realms: one of each, however many realms name it. */
export class HomeServers {
  readonly #parts: HomeServersParts
  readonly #homes = new Map<string, Home>()
  readonly #lines = new LineLimit({ tellRest: () => {} })
  #source: readonly Realm[] = []

  constructor(parts: HomeServersParts) {
    this.#parts = parts
  }

  /** The servers of a realm, in its order; those no realm names any more are let go of. */
  of(realm: Realm, realms: readonly Realm[]): Home[] {
    if (realms !== this.#source) this.#forgetOthers(realms)
    return realm.servers.map((address) => this.#find(address))
  }

  close(): void {
    for (const home of this.#homes.values()) closeHome(home)
    this.#homes.clear()
  }

  #find(address: HomeServerAddress): Home {
    const key = keyOf(address)
    const found = this.#homes.get(key)
    if (found !== undefined) return found
    const { host, port, acctPort, radsec } = address
    const secret = new SharedSecret(address.secret)
    const serve = (servedPort: number): HomeServer => {
      const name = `${host}:${servedPort}`
      return new HomeServer({
        name,
        peer: this.#dial(address, secret, servedPort),
        onChange: (isAlive) => this.#changed(name, isAlive),
      })
    }
    const auth = serve(port)
    const udpAcct = acctPort === null ? null : serve(acctPort)
    const home = { address, secret, auth, acct: radsec === null ? udpAcct : auth }
    this.#homes.set(key, home)
    return home
  }

  #dial({ host, radsec }: HomeServerAddress, secret: SharedSecret, port: number): RadiusPeer {
    const onBadReply = (reason: string): void => this.#tell(`${host}:${port}`, reason)
    if (radsec === null) return new UdpClient({ host, port, secret, retransmission, onBadReply })
    const pem = radsec.trustedCa ?? this.#parts.authority ?? ''
    return new TlsClient({
      host,
      port,
      secret,
      identity: {
        names: radsec.names,
        fingerprints: radsec.fingerprints,
        authorities: readCertificates(pem),
      },
      certificate: this.#parts.certificate,
      responseMs: RESPONSE_MS,
      onBadReply,
      onFault: ({ message }) => this.#tell(`${host}:${port}`, message),
    })
  }

  #changed(server: string, isAlive: boolean): void {
    const { log } = this.#parts
    if (isAlive) log.info('radius.home-server-alive', { server })
    else log.warn('radius.home-server-dead', { server })
  }

  #tell(server: string, reason: string): void {
    const count = this.#lines.count(reason, server)
    if (count > 0) this.#parts.log.warn('radius.home-server-fault', { server, reason, count })
  }

  #forgetOthers(realms: readonly Realm[]): void {
    const named = new Set(realms.flatMap(({ servers }) => servers.map(keyOf)))
    for (const [key, home] of this.#homes) {
      if (named.has(key)) continue
      closeHome(home)
      this.#homes.delete(key)
    }
    this.#source = realms
  }
}

function closeHome({ auth, acct }: Home): void {
  auth.close()
  acct?.close()
}

/** All that makes a server another one; two realms may name the same. */
function keyOf({ host, port, acctPort, radsec, secret }: HomeServerAddress): string {
  return JSON.stringify([host, port, acctPort, radsec, secret.toString('base64')])
}

/** The certificates of a PEM file, in its order. */
export function readCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}
