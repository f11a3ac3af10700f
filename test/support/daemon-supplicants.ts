import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { RadiusMethod } from '../../src/directory/network.ts'
import { Admin } from './admin.ts'
import { cliOf } from './cli.ts'
import { PASSWORD, startTestDemo, type TestDemo } from './demo.ts'
import { EapolTest, type Supplicant } from './eapol-test.ts'
import type { RadiusRelay } from './radius-relay.ts'

export const SOMEBODY = 'adele.vance'
const FILE_PASSWORD = 'of-the-file-7391'
/** Answers are written behind the replies, in batches. */
const LOG_POLL_MS = 100
const LOG_TRIES = 40

/** A device with a certificate that the command has issued. */
export interface IssuedDevice {
  readonly serial: string
  /** Lines of its supplicant; the suffix is 2 for what it shows inside a tunnel. */
  readonly lines: (suffix?: '' | '2') => readonly string[]
}

/** One of a network's EAP methods, as a device of hers does it. */
export interface Way {
  readonly method: RadiusMethod
  readonly supplicant: Omit<Supplicant, 'version'>
}

/** The whole product on loopback, and devices of somebody's that log in to its network `corp`. */
export class DaemonSupplicants {
  readonly admin: Admin
  readonly cli: ReturnType<typeof cliOf>
  readonly radius: TestDemo['facts']['radius']
  readonly folder = mkdtempSync(join(tmpdir(), 'gatehouse-supplicants-'))
  readonly #tool: EapolTest

  private constructor(demo: TestDemo) {
    this.admin = new Admin(demo.facts)
    this.cli = cliOf(demo.dataDir)
    this.radius = demo.facts.radius
    const caPem = readFileSync(this.radius.caFile, 'utf8')
    this.#tool = new EapolTest({ authPort: this.radius.authPort, caPem })
  }

  static async start(t: Test, env: NodeJS.ProcessEnv = {}): Promise<DaemonSupplicants> {
    const rig = new DaemonSupplicants(await startTestDemo(t, { env }))
    t.teardown(() => {
      rig.#tool.remove()
      rmSync(rig.folder, { recursive: true })
    })
    return rig
  }

  /** What `corp` takes from now on. */
  async allow(...methods: readonly RadiusMethod[]): Promise<void> {
    await this.cli('network', 'set', 'corp', ...methods.flatMap((method) => ['--method', method]))
  }

  run(supplicant: Supplicant) {
    return this.#tool.run({
      name: SOMEBODY,
      password: PASSWORD,
      secret: this.radius.secret,
      ...supplicant,
      more: [`domain_match="${this.radius.serverName}"`, ...(supplicant.more ?? [])],
    })
  }

  /** Logs in through the relay: she gets in by a signed reply, and both its keys are the device's. */
  async pass(t: Test, relay: RadiusRelay, supplicant: Omit<Supplicant, 'port'>) {
    const run = await this.run({ ...supplicant, port: relay.port })
    const { version, eap, phase2 = '' } = supplicant
    t.ok(run.isSuccess, run.isSuccess ? `${version} ${eap} ${phase2}` : run.output.slice(-3_000))
    const accept = relay.takeAccept()
    t.match(accept?.reply, { isResponseAuthentic: true, isMessageAuthentic: true })
    t.equal(run.msk?.length, 64)
    t.same(accept?.msk, run.msk, 'both keys')
    return run
  }

  async issue(device: string): Promise<IssuedDevice> {
    const file = join(this.folder, `${device}.p12`)
    const passwordFile = join(this.folder, `${device}.txt`)
    writeFileSync(passwordFile, FILE_PASSWORD)
    const args = ['--out', file, '--password-file', passwordFile, '--modern']
    const shown = await this.cli('--json', 'certificate', 'issue', SOMEBODY, device, ...args)
    const { serial } = JSON.parse(shown) as { serial: string }
    return {
      serial,
      lines: (suffix = '') => [
        `private_key${suffix}="${file}"`,
        `private_key${suffix}_passwd="${FILE_PASSWORD}"`,
      ],
    }
  }

  /** Each method there is, with a certificate and a network password made for it. */
  async everyWay(): Promise<{ readonly ways: readonly Way[]; readonly networkPassword: string }> {
    await this.cli('network-password', 'allow')
    const made = await this.cli('--json', 'person', 'network-password', 'make', SOMEBODY)
    const { password } = JSON.parse(made) as { password: string }
    const own = { name: SOMEBODY, password: PASSWORD, networkPassword: password }
    return { ways: waysOf({ ...own, ...(await this.issue('laptop')) }), networkPassword: password }
  }

  /** Writes a file that the lines of a supplicant name. */
  write(name: string, text: string): string {
    const file = join(this.folder, name)
    writeFileSync(file, text)
    return file
  }

  /** What `gatehouse log --detail` says of the denials since then, once that is among it. */
  async explain(sinceMs: number, wanted: RegExp): Promise<string> {
    const since = new Date(sinceMs).toISOString()
    let told = ''
    for (let tries = 0; tries < LOG_TRIES; tries++) {
      told = await this.cli('log', '--denied', '--detail', '--since', since)
      if (wanted.test(told)) break
      await sleep(LOG_POLL_MS)
    }
    return told
  }
}

/** Each EAP method there is, as somebody's device does it. */
export function waysOf(
  device: Pick<IssuedDevice, 'lines'> & {
    readonly name: string
    readonly password: string
    readonly networkPassword: string
  },
): readonly Way[] {
  const { name, password, networkPassword } = device
  const tunnelled = (eap: string, phase2: string, proof: string) => {
    return { eap, phase2, password: proof }
  }
  const inside = (eap: string, phase2: string) => ({ eap, phase2, more: device.lines('2') })
  return [
    { method: 'tls', supplicant: { eap: 'TLS', anonymous: name, more: device.lines() } },
    { method: 'ttls-pap', supplicant: tunnelled('TTLS', 'auth=PAP', password) },
    { method: 'ttls-gtc', supplicant: tunnelled('TTLS', 'autheap=GTC', password) },
    { method: 'ttls-mschapv2', supplicant: tunnelled('TTLS', 'auth=MSCHAPV2', networkPassword) },
    {
      method: 'ttls-mschapv2',
      supplicant: tunnelled('TTLS', 'autheap=MSCHAPV2', networkPassword),
    },
    { method: 'ttls-tls', supplicant: inside('TTLS', 'autheap=TLS') },
    { method: 'peap-mschapv2', supplicant: tunnelled('PEAP', 'auth=MSCHAPV2', networkPassword) },
    { method: 'peap-gtc', supplicant: tunnelled('PEAP', 'auth=GTC', password) },
    { method: 'peap-tls', supplicant: inside('PEAP', 'auth=TLS') },
  ]
}
