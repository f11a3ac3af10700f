import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { inside, runInside } from './network-namespace.ts'
import { startPeer } from './radius-peers.ts'
import type { ToolRun } from './run-tool.ts'

/** What an end of an IKE connection is, besides `load`, log and sockets, which both have. */
export interface IkeEnd {
  readonly name: string
  /** Network namespace it lives in. */
  readonly space: string
  /** Goes behind what both have in strongswan.conf. */
  readonly strongswan: string
  readonly swanctl: string
  /** EAP plugins. */
  readonly plugins: string
  /** PEM by its place below the folder, such as `x509ca/ca.pem`. */
  readonly files: Readonly<Record<string, string>>
}

/** Where swanctl looks, and complains about what is not there. */
const FOLDERS =
  'x509 x509ca x509ocsp x509aa x509ac x509crl private pubkey rsa ecdsa bliss pkcs8 pkcs12'
const OWNER_ONLY = 0o600

/** Userspace ESP comes first: a kernel may have none. */
const PLUGINS =
  'random nonce openssl pem pkcs1 pkcs8 x509 constraints pubkey kdf hmac aes sha1 sha2 gcm kernel-libipsec kernel-netlink socket-default vici updown eap-identity'

/** charon-systemd in the foreground, which has no fixed pid file, with its configuration loaded. */
export async function startStrongswan(t: Test, folder: string, end: IkeEnd): Promise<Strongswan> {
  const home = join(folder, end.name)
  for (const name of FOLDERS.split(' ')) mkdirSync(join(home, name), { recursive: true })
  for (const [name, pem] of Object.entries(end.files)) {
    writeFileSync(join(home, name), pem)
    chmodSync(join(home, name), OWNER_ONLY)
  }
  const logFile = join(home, 'log')
  const conf = join(home, 'strongswan.conf')
  writeFileSync(
    conf,
    `charon {
  load = ${PLUGINS} ${end.plugins}
  filelog {
    log {
      path = ${logFile}
      flush_line = yes
    }
  }
  plugins {
    vici {
      socket = unix://${home}/vici
    }
  }
}
swanctl {
  load = random openssl pem pkcs1 pkcs8 x509 pubkey
}
${end.strongswan}
`,
  )
  const settings = [`STRONGSWAN_CONF=${conf}`, `SWANCTL_DIR=${home}`]
  const log = await startPeer(t, {
    name: 'ip',
    args: inside(end.space, 'env', [...settings, 'charon-systemd']),
    ready: /spawning \d+ worker threads/,
    logFile,
  })
  const daemon = new Strongswan({ space: end.space, settings, home, log })
  await daemon.load(end.swanctl)
  return daemon
}

export class Strongswan {
  readonly log: () => string
  readonly #space: string
  readonly #settings: readonly string[]
  readonly #home: string

  constructor(parts: {
    readonly space: string
    readonly settings: readonly string[]
    readonly home: string
    readonly log: () => string
  }) {
    this.log = parts.log
    this.#space = parts.space
    this.#settings = parts.settings
    this.#home = parts.home
  }

  /** Takes a swanctl.conf in place of the one before. */
  async load(swanctl: string): Promise<void> {
    writeFileSync(join(this.#home, 'swanctl.conf'), swanctl)
    const { code, output } = await this.control('--load-all')
    if (code !== 0) throw new Error(`${this.#home}: ${output}`)
  }

  /** Runs swanctl against it. */
  control(...args: readonly string[]): Promise<ToolRun> {
    const command = [...this.#settings, 'swanctl', ...args, '--uri', `unix://${this.#home}/vici`]
    return runInside(this.#space, 'env', command)
  }
}
