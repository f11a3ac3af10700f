import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'ldapts'
import type { Test } from 'tap'
import type { LoggedAnswer, LoggedChange, SourceStatus } from '../../src/admin/parts.ts'
import { type DaemonProcess, startDaemonProcess } from './daemon-process.ts'
import { databaseFor } from './database-for.ts'
import { connectionOf, Microsoft365Bench } from './microsoft365.ts'
import { askPap, NAS_SECRET, nasAt } from './radius-pap.ts'

export const PASSWORD = 'Correct horse 7 battery'
const PEOPLE_DN = 'ou=people,dc=contoso,dc=example'
const GROUP = 'all-employees'
/** Answers are written behind them, in batches. */
const LOG_POLL_MS = 50
const LOG_TRIES = 200

export type Answer = 'yes' | 'no' | 'unavailable'

export interface Somebody {
  readonly username: string
  readonly upn: string
  readonly id: string
}

/** A daemon, a tenant it has imported, and people of it whose passwords are checked there. */
export class PassThroughRig {
  readonly daemon: DaemonProcess
  readonly bench: Microsoft365Bench
  readonly #unused: Somebody[]
  readonly #askedAtMs = new Map<string, number>()
  #hours = 0

  private constructor(daemon: DaemonProcess, bench: Microsoft365Bench, people: Somebody[]) {
    this.daemon = daemon
    this.bench = bench
    this.#unused = people
  }

  static async start(t: Test, options: { readonly people: number }): Promise<PassThroughRig> {
    const { folder, env } = await databaseFor(t, 'pass-through')
    const bench = await Microsoft365Bench.startFor(t, { people: options.people, seed: 1 })
    const daemon = await startDaemonProcess(t, {
      dataDir: join(folder, 'data'),
      env,
      args: ['--migrate'],
    })
    const { api } = daemon
    await api.send('POST', '/sources/microsoft365', connectionOf(bench.simulator))
    await api.send('POST', '/sources/contoso/sync', {})
    await api.send('POST', '/people/activate', { allStaged: true })
    await api.send('POST', '/nas', {
      ...{ name: 'loopback', addresses: ['127.0.0.0/8'], secret: NAS_SECRET },
    })
    await api.send('POST', '/networks', { name: 'any', everyone: true, methods: ['pap'] })
    return new PassThroughRig(daemon, bench, membersOf(bench))
  }

  /** Has the group's passwords checked in the tenant; each call with a fresh circuit. */
  async turnOn(
    options: { readonly remembers?: boolean; readonly group?: string } = {},
  ): Promise<SourceStatus> {
    this.#hours = (this.#hours % 70) + 1
    return await this.daemon.api.send<SourceStatus>('PUT', '/sources/contoso/pass-through', {
      groups: [options.group ?? GROUP],
      rememberHours: options.remembers === false ? 0 : this.#hours,
    })
  }

  /** Her right password, until it is remembered for an outage. */
  async rememberedPerson(): Promise<Somebody> {
    const person = this.somebody()
    if ((await this.bind(person, PASSWORD)) !== 'yes') throw new Error('the right one is refused')
    const path = `/journal?person=${person.username}`
    await this.until('a password is remembered', async () => {
      const { changes } = await this.daemon.api.get<{ changes: LoggedChange[] }>(path)
      return changes.some(({ detail }) => detail?.['type'] === 'source-password')
    })
    return person
  }

  /** The login service answers nobody, until `mend`. */
  async breakLogin(rule: object = {}): Promise<void> {
    await this.bench.control('POST', '/faults', { fault: 'status', on: 'login', ...rule })
  }

  /** A round now; resolves when the daemon shows what it has brought. */
  async sync(what: string, isShown: () => Promise<boolean>): Promise<void> {
    await this.daemon.api.send('POST', '/sources/contoso/sync', {})
    await this.until(what, isShown)
  }

  async until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < LOG_TRIES; tries += 1) {
      if (await isSo()) return
      await sleep(LOG_POLL_MS)
    }
    throw new Error(`not in time: ${what}`)
  }

  /** Until so many calls have run into what was broken. */
  async untilMet(count: number): Promise<void> {
    await this.until('somebody runs into it', () => this.bench.simulator.faults.met >= count)
  }

  async mend(): Promise<void> {
    await this.bench.control('DELETE', '/faults')
  }

  /** An active member whom nothing has been done with yet. */
  somebody(signIn: object = {}): Somebody {
    const person = this.#unused.shift()
    if (person === undefined) throw new Error('nobody is left: the tenant is too small')
    this.bench.simulator.tenant.setSignIn(person.id, { password: PASSWORD, ...signIn })
    return person
  }

  async bind({ username }: Somebody, password: string): Promise<Answer> {
    const url = `ldap://${this.daemon.address('ldap')}`
    const client = new Client({ url, timeout: 20_000 })
    this.#askedAtMs.set(username, Date.now())
    try {
      await client.bind(`uid=${username},${PEOPLE_DN}`, password)
      return 'yes'
    } catch (error) {
      const { code } = error as { code?: number }
      if (code === 49) return 'no'
      if (code === 52) return 'unavailable'
      throw error
    } finally {
      await client.unbind().catch(() => undefined)
    }
  }

  /** Binds, and hangs up as soon as so many have met what was broken. */
  async bindAndHangUp({ username }: Somebody, password: string, met: number): Promise<void> {
    const [host, port] = this.daemon.address('ldap').split(':')
    const socket = connect(Number(port), host)
    await once(socket, 'connect')
    socket.write(bindRequest(`uid=${username},${PEOPLE_DN}`, password))
    await this.untilMet(met)
    socket.destroy()
    await once(socket, 'close')
  }

  /** By RADIUS PAP; `unavailable` when there is no answer in time. */
  async pap({ username }: Somebody, password: string, withinMs = 8_000): Promise<Answer> {
    this.#askedAtMs.set(username, Date.now())
    const nas = nasAt(this.daemon.address('radiusAuth'))
    try {
      return (await askPap(nas, { username, password }, withinMs)) ? 'yes' : 'no'
    } catch {
      return 'unavailable'
    }
  }

  /** What the log says of her last denied or unavailable attempt, as soon as it does. */
  async logged({ username }: Somebody): Promise<LoggedAnswer> {
    const since = new Date(this.#askedAtMs.get(username) ?? 0).toISOString()
    const path = `/log?person=${username}&limit=1&since=${since}`
    let found: LoggedAnswer | undefined
    await this.until(`the log tells of ${username}`, async () => {
      const { answers } = await this.daemon.api.get<{ answers: LoggedAnswer[] }>(path)
      found = answers[0]
      return found !== undefined
    })
    if (found === undefined) throw new Error('it was found')
    return found
  }

  async source(): Promise<SourceStatus> {
    const { sources } = await this.daemon.api.get<{ sources: SourceStatus[] }>('/sources')
    const [source] = sources
    if (source === undefined) throw new Error('there is no source')
    return source
  }

  /** How many passwords have reached the tenant. */
  async sent(): Promise<number> {
    const { body } = await this.bench.control('GET', '/requests')
    const requests: readonly { grant: string | null }[] = body.requests
    return requests.filter(({ grant }) => grant === 'password').length
  }
}

/** A simple bind (RFC 4511 §4.2), for texts so short that one byte tells each length. */
function bindRequest(dn: string, password: string): Buffer {
  const tlv = (tag: number, ...parts: readonly Buffer[]) => {
    const value = Buffer.concat(parts)
    return Buffer.concat([Buffer.from([tag, value.length]), value])
  }
  const one = Buffer.from([1])
  const [version, name] = [tlv(0x02, Buffer.from([3])), tlv(0x04, Buffer.from(dn))]
  const bind = tlv(0x60, version, name, tlv(0x80, Buffer.from(password)))
  return tlv(0x30, tlv(0x02, one), bind)
}

function membersOf({ simulator }: Microsoft365Bench): Somebody[] {
  return simulator.tenant.all('user').flatMap(({ id, versions }) => {
    const properties = versions.at(-1)?.properties ?? {}
    if (properties['userType'] === 'Guest' || properties['accountEnabled'] === false) return []
    const upn = String(properties['userPrincipalName'])
    return [{ id, upn, username: upn.split('@')[0] ?? '' }]
  })
}
