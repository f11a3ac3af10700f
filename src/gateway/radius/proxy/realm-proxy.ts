import {
  type Attribute,
  AttributeType,
  findNamedAttribute,
  findValue,
  forwardReply,
  forwardRequest,
  type HomeServer,
  makeText,
  makeVlanAttributes,
  type Packet,
  PacketCode,
  RadiusError,
  type RadiusRequest,
  type Reply,
} from '../../../../protocols/radius/index.ts'
import type { Directory } from '../../../directory/directory.ts'
import { foldText } from '../../../directory/fold.ts'
import type { HomeServerAddress, Realm } from '../../../directory/realm.ts'
import type { AuthEvent, AuthEventSink } from '../../../observe/auth-event.ts'
import { readFacts, readText } from '../facts.ts'
import type { NasClient } from '../nas-table.ts'
import { chooseRealm } from './choose-realm.ts'
import { type Home, HomeServers, type HomeServersParts } from './home-servers.ts'
import { isLooping, isSource, makeMark } from './loop.ts'

/** A conversation is at home with one server; some are left lying for ever. */
const MAX_CONVERSATIONS = 20_000
const RECORDED_CHARACTERS = 256
/** RFC 5580 §4.1: what is in front of a realm in Operator-Name. */
const REALM_NAMESPACE = '1'
const operatorName = { type: 126, name: 'Operator-Name', value: 'text' } as const

export interface ProxyParts extends HomeServersParts {
  readonly directory: Pick<Directory, 'realms' | 'settings' | 'personByLoginName'>
  readonly events: AuthEventSink
  readonly nowMs: () => number
}

type Request = RadiusRequest<NasClient>

/** What became of a request that was sent away; null is silence. */
type Outcome = Reply | null | Promise<Reply | null>

/** A server, and its port that takes the packet. */
interface Destination {
  readonly home: Home
  readonly server: HomeServer
}

/** Forwards the log-ins and accounting of people whose realm is not ours. */
export class RealmProxy {
  readonly #parts: ProxyParts
  readonly #homes: HomeServers
  /** Which server holds a conversation, by the State it gave; oldest first. */
  readonly #holders = new Map<string, Home>()

  constructor(parts: ProxyParts) {
    this.#parts = parts
    this.#homes = new HomeServers(parts)
  }

  stop(): void {
    this.#homes.close()
  }

  /** `local` for a request that is ours to answer. */
  access(request: Request, signal: AbortSignal): Outcome | 'local' {
    const route = this.#route(request)
    if (route === 'local') return 'local'
    if (route.realm === null) return this.#refuse(request, route.name, route.why)
    return this.#forwardAccess(request, route.realm, signal)
  }

  /** Null for accounting that is ours alone; else whether the home server has taken it. */
  account(request: Request, signal: AbortSignal): Promise<boolean> | null {
    const route = this.#route(request)
    if (route === 'local') return null
    // What goes round in circles is acknowledged, or it would be repeated for ever.
    if (route.realm === null) return Promise.resolve(true)
    if (!route.realm.servers.some(takesAccounting)) return null
    return this.#send(request, route.realm, signal).then((answered) => answered !== null)
  }

  #route(
    request: Request,
  ):
    | 'local'
    | { readonly realm: Realm }
    | { readonly realm: null; readonly name: string; readonly why: string } {
    const { directory } = this.#parts
    if (directory.realms().length === 0) return 'local'
    const userName = readText(request.packet.attributes, AttributeType.userName) ?? ''
    const route = chooseRealm(directory.realms(), userName, directory.settings.domain)
    if (route.to === 'here') return 'local'
    // A name of one of ours is ours, in whichever of our domains: her password goes nowhere else.
    if (directory.personByLoginName(foldText(userName)) !== null) return 'local'
    if (route.to === 'nowhere') return { realm: null, name: route.name, why: 'bad-realm' }
    if (isLooping(request.packet, this.#mark)) {
      return { realm: null, name: route.name, why: 'proxy-loop' }
    }
    return { realm: route.realm }
  }

  get #mark(): Buffer {
    const { id, domain } = this.#parts.directory.settings
    return makeMark(`${id} ${domain}`)
  }

  async #forwardAccess(request: Request, realm: Realm, signal: AbortSignal): Promise<Reply | null> {
    try {
      return await this.#askHome(request, realm, signal)
    } catch (error) {
      // A password or a key that can't be one: of the client, or of the home server.
      if (!(error instanceof RadiusError)) throw error
      return this.#refuse(request, realm.name, 'proxy-malformed')
    }
  }

  async #askHome(request: Request, realm: Realm, signal: AbortSignal): Promise<Reply | null> {
    const answered = await this.#send(request, realm, signal)
    if (answered === null) {
      this.#record(request, {
        realm: realm.name,
        outcome: 'unavailable',
        reason: 'home-server-dead',
      })
      return null
    }
    const { packet, home, requestAuthenticator } = answered
    const reply = forwardReply(packet, {
      from: { secret: home.secret.bytes, requestAuthenticator },
      to: {
        secret: request.secret.bytes,
        requestAuthenticator: request.packet.authenticator,
      },
      allow: typesOf(realm.allow),
    })
    const server = home.auth.name
    if (packet.code === PacketCode.accessChallenge) {
      this.#hold(packet, home)
      return reply
    }
    const isIn = packet.code === PacketCode.accessAccept
    this.#record(request, {
      realm: realm.name,
      server,
      outcome: isIn ? 'success' : 'denied',
      reason: isIn ? null : 'refused-at-home',
    })
    if (!isIn || realm.vlan === null) return reply
    const vlan = makeVlanAttributes(realm.vlan)
    const own = new Set(vlan.map(({ type }) => type))
    const others = reply.attributes.filter(({ type }) => !own.has(type))
    return { ...reply, attributes: [...others, ...vlan] }
  }

  /** Asks the realm's servers one by one; null when none of them answers. */
  async #send(
    request: Request,
    realm: Realm,
    signal: AbortSignal,
  ): Promise<{ packet: Packet; home: Home; requestAuthenticator: Buffer } | null> {
    const { client, address, packet } = request
    const homes = this.#homes
      .of(realm, this.#parts.directory.realms())
      .filter((home) => !isSource(home.address, { nas: client.nas, address }))
    for (const { home, server } of this.#inOrder(homes, packet)) {
      const forwarded = forwardRequest(packet, {
        from: request.secret,
        to: home.secret,
        proxyState: this.#mark,
        add: operatorOf(realm),
      })
      const answer = await server.send(forwarded, signal)
      if (answer !== 'timeout') {
        const requestAuthenticator = forwarded.authenticator ?? packet.authenticator
        return { packet: answer, home, requestAuthenticator }
      }
    }
    return null
  }

  /** The one that holds the conversation, alone; else those that live and take such a packet. */
  #inOrder(homes: readonly Home[], { code, attributes }: Packet): readonly Destination[] {
    const state = findValue(attributes, AttributeType.state)
    const holder = state === null ? undefined : this.#holders.get(state.toString('latin1'))
    const isHeld = holder !== undefined && homes.includes(holder)
    const usable = (isHeld ? [holder] : homes).flatMap((home) => {
      const server = code === PacketCode.accessRequest ? home.auth : home.acct
      return server !== null && (isHeld || server.isUsable) ? [{ home, server }] : []
    })
    // The sort is stable.
    return usable.sort((a, b) => Number(a.server.isDoubted) - Number(b.server.isDoubted))
  }

  #hold({ attributes }: Packet, home: Home): void {
    const state = findValue(attributes, AttributeType.state)
    if (state === null) return
    const key = state.toString('latin1')
    this.#holders.delete(key)
    this.#holders.set(key, home)
    if (this.#holders.size <= MAX_CONVERSATIONS) return
    const [oldest] = this.#holders.keys()
    if (oldest !== undefined) this.#holders.delete(oldest)
  }

  #refuse(request: Request, realm: string, reason: string): Reply {
    this.#record(request, { realm, outcome: 'denied', reason })
    return { code: PacketCode.accessReject, attributes: [] }
  }

  #record(
    { packet, client, address }: Request,
    what: Pick<AuthEvent, 'outcome' | 'reason'> & {
      readonly realm: string
      readonly server?: string
    },
  ): void {
    const facts = readFacts(packet)
    const name = readText(packet.attributes, AttributeType.userName) ?? ''
    this.#parts.events.record({
      atMs: this.#parts.nowMs(),
      outcome: what.outcome,
      reason: what.reason,
      resourceKind: 'network',
      resourceName: null,
      method: 'radius-proxy',
      principalId: null,
      name: name.slice(0, RECORDED_CHARACTERS),
      address,
      device: facts.device,
      detail: {
        nas: client.name,
        realm: what.realm,
        ...(what.server === undefined ? {} : { server: what.server }),
        ...(facts.ssid === null ? {} : { ssid: facts.ssid }),
      },
    })
  }
}

function takesAccounting({ radsec, acctPort }: HomeServerAddress): boolean {
  return radsec !== null || acctPort !== null
}

function operatorOf({ operatorName: realm }: Realm): Attribute[] {
  return realm === null ? [] : [makeText(operatorName, REALM_NAMESPACE + realm)]
}

function typesOf(names: readonly string[]): ReadonlySet<number> {
  const types = new Set<number>()
  for (const name of names) {
    const found = findNamedAttribute(name)
    if (found !== null) types.add(found.type)
  }
  return types
}
