import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { DemoFacts } from '../../src/demo/facts.ts'
import { endProcess } from './end-process.ts'
import { freePort } from './free-port.ts'
import { ip } from './network-namespace.ts'
import { runTool } from './run-tool.ts'
import { findTool } from './tools.ts'

/** What {@link plugIn} runs, and needs to be root for. */
export const WIRED_TOOLS = ['hostapd', 'hostapd_cli', 'wpa_supplicant', 'wpa_cli', 'ip']

/** The supplicant waits two seconds before it speaks first. */
const LINK_MS = 15_000

export interface PlugOptions {
  readonly radius: DemoFacts['radius']
  /** The supplicant's `network` lines: method, identity, proof. */
  readonly network: readonly string[]
  readonly nasIdentifier?: string
  /** hostapd's own lines about who it is and whom it asks, in place of those made from `radius`. */
  readonly settings?: readonly string[]
  /** What the switch's end of dynamic authorization is given; the daemon's own secret unless given. */
  readonly dasSecret?: string
}

let plugged = 0

/**
 * A port of a switch (hostapd, wired driver) and a device behind it (wpa_supplicant) that speak real
 * 802.1X over a veth pair: the switch's end stays in this network namespace, where it reaches the
 * daemon on loopback; the device's is in a namespace of its own. All of it goes with the test.
 */
export async function plugIn(t: Test, options: PlugOptions): Promise<WiredPort> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-wired-'))
  plugged += 1
  const names = { port: `gp${process.pid}x${plugged}`, space: `gh${process.pid}x${plugged}` }
  const port = new WiredPort({ ...options, ...names, folder, dasPort: await freePort() })
  t.teardown(async () => {
    await port.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  await port.start()
  return port
}

interface PortParts extends PlugOptions {
  readonly port: string
  readonly space: string
  readonly folder: string
  readonly dasPort: number
}

export class WiredPort {
  readonly #parts: PortParts
  readonly #running: ChildProcess[] = []

  constructor(parts: PortParts) {
    this.#parts = parts
  }

  /** Where the switch takes Disconnect-Requests. */
  get dasPort(): number {
    return this.#parts.dasPort
  }

  async start(): Promise<void> {
    const { port, space, folder } = this.#parts
    await ip('netns', 'add', space)
    await ip(...['link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space])
    await ip('link', 'set', port, 'up')
    await ip('-n', space, 'link', 'set', 'eth0', 'up')
    writeFileSync(this.#file('hostapd.conf'), this.#switchSettings())
    writeFileSync(this.#file('wpa.conf'), this.#deviceSettings())
    this.#spawn('hostapd', ['-dd', '-t', this.#file('hostapd.conf')], 'hostapd.log')
    await this.#until('the switch port is up', async () =>
      (await this.#askSwitch('status')).includes('state=ENABLED'),
    )
    const supplicant = findTool('wpa_supplicant') ?? ''
    const inside = ['netns', 'exec', space, supplicant, '-t', '-Dwired', '-ieth0']
    this.#spawn('ip', [...inside, '-c', join(folder, 'wpa.conf')], 'wpa.log')
  }

  /** Resolves once the switch lets the device's frames through. */
  async linked(): Promise<void> {
    await this.#until('the port is authorized', () => this.isAuthorized())
  }

  async isAuthorized(): Promise<boolean> {
    return /^flags=.*\[AUTHORIZED\]/m.test(await this.#askSwitch('all_sta'))
  }

  /** Resolves with the milliseconds until the switch lets nothing through any more. */
  async cut(): Promise<number> {
    const startedAtMs = performance.now()
    await this.#until('the port is closed', async () => !(await this.isAuthorized()))
    return performance.now() - startedAtMs
  }

  /** Resolves once the device has been turned away. */
  async refused(): Promise<void> {
    await this.#until('the device is refused', async () =>
      this.switchLog().includes('CTRL-EVENT-EAP-FAILURE'),
    )
  }

  /** The switch's own name of the session, as in its accounting. */
  async sessionId(): Promise<string> {
    return /^dot1xAuthSessionId=(.*)$/m.exec(await this.#askSwitch('all_sta'))?.[1] ?? ''
  }

  /** Resolves once the daemon has acknowledged as many reports as the switch has sent of a session. */
  async reported(): Promise<void> {
    await this.#until('the session is accounted', async () =>
      /RADIUS message: code=5 \(Accounting-Response\)[\s\S]*RADIUS message: code=5 /.test(
        this.switchLog(),
      ),
    )
  }

  /** The device asks again. */
  async reauthenticate(): Promise<void> {
    await this.#askDevice('reauthenticate')
  }

  /** What the device says of itself, such as `EAP state=SUCCESS`. */
  deviceStatus(): Promise<string> {
    return this.#askDevice('status')
  }

  switchLog(): string {
    return readFileSync(this.#file('hostapd.log'), 'utf8')
  }

  /** Stops answering, as a switch that has lost its power. */
  killSwitch(): void {
    this.#running[0]?.kill('SIGKILL')
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map(endProcess))
    const { port, space } = this.#parts
    await runTool('ip', ['link', 'del', port])
    await runTool('ip', ['netns', 'del', space])
  }

  #spawn(tool: string, args: readonly string[], log: string): void {
    const path = findTool(tool)
    if (path === null) throw new Error(`${tool} is not installed`)
    const out = openSync(this.#file(log), 'a')
    this.#running.push(spawn(path, args, { stdio: ['ignore', out, out] }))
  }

  async #askSwitch(command: string): Promise<string> {
    const { port } = this.#parts
    const args = ['-p', this.#file('hapd'), '-i', port, command]
    return (await runTool('hostapd_cli', args)).output
  }

  async #askDevice(command: string): Promise<string> {
    const { space } = this.#parts
    const tool = findTool('wpa_cli') ?? ''
    const args = ['netns', 'exec', space, tool, '-p', this.#file('wpa'), '-i', 'eth0', command]
    return (await runTool('ip', args)).output
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + LINK_MS
    while (!(await isSo())) {
      if (performance.now() > untilMs)
        throw new Error(`not in ${LINK_MS} ms: ${what}\n${this.switchLog().slice(-4_000)}`)
      await sleep(20)
    }
  }

  #file(name: string): string {
    return join(this.#parts.folder, name)
  }

  #switchSettings(): string {
    const { port, dasPort, radius, dasSecret, settings = this.#serverSettings() } = this.#parts
    return lines([
      `interface=${port}`,
      'driver=wired',
      `ctrl_interface=${this.#file('hapd')}`,
      'use_pae_group_addr=1',
      'own_ip_addr=127.0.0.1',
      ...settings,
      'radius_acct_interim_interval=2',
      // Ethernet: it calls itself a wireless port otherwise.
      'radius_auth_req_attr=61:d:15',
      'radius_acct_req_attr=61:d:15',
      `radius_das_port=${dasPort}`,
      `radius_das_client=127.0.0.1 ${dasSecret ?? radius.secret}`,
      'radius_das_require_event_timestamp=1',
      'radius_das_require_message_authenticator=1',
    ])
  }

  #serverSettings(): readonly string[] {
    const { radius, nasIdentifier = 'switch1' } = this.#parts
    const { host, authPort, acctPort, secret } = radius
    return [
      'ieee8021x=1',
      `nas_identifier=${nasIdentifier}`,
      `auth_server_addr=${host}`,
      `auth_server_port=${authPort}`,
      `auth_server_shared_secret=${secret}`,
      `acct_server_addr=${host}`,
      `acct_server_port=${acctPort}`,
      `acct_server_shared_secret=${secret}`,
    ]
  }

  #deviceSettings(): string {
    const { radius, network } = this.#parts
    return lines([
      `ctrl_interface=${this.#file('wpa')}`,
      'ap_scan=0',
      'network={',
      'key_mgmt=IEEE8021X',
      'eapol_flags=0',
      `ca_cert="${radius.caFile}"`,
      `domain_match="${radius.serverName}"`,
      ...network,
      '}',
    ])
  }
}

function lines(parts: readonly string[]): string {
  return `${parts.join('\n')}\n`
}
