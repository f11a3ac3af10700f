import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GatewayBench, nasSecret, password, serverName } from './radius-gateway.ts'
import { runTool } from './run-tool.ts'

/** TLS 1.3 is off in eapol_test unless asked for, and then means "1.3 or lower". */
const onlyVersion = {
  'TLSv1.2': 'tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_3=1',
  'TLSv1.3':
    'tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=0',
} as const

type Version = keyof typeof onlyVersion
export const tlsVersions: readonly Version[] = ['TLSv1.2', 'TLSv1.3']

export interface Supplicant {
  readonly version: Version
  readonly eap?: string
  readonly name?: string
  readonly anonymous?: string
  readonly password?: string
  readonly ssid?: string
  readonly secret?: string
  readonly timeoutSeconds?: number
  /** Of a proxy in front; else the gateway's own. */
  readonly port?: number
  /** Behind the TLS versions. */
  readonly phase1?: string
  readonly phase2?: string
  /** More lines of the network block, which replace what they name. */
  readonly more?: readonly string[]
  readonly args?: readonly string[]
}

/** wpa_supplicant's EAP, run by eapol_test against a gateway on loopback. */
export class EapolTest {
  readonly folder = mkdtempSync(join(tmpdir(), 'gatehouse-eapol-'))
  readonly caFile = join(this.folder, 'ca.pem')
  readonly #bench: Pick<GatewayBench, 'authPort' | 'caPem'>
  #runs = 0

  constructor(bench: Pick<GatewayBench, 'authPort' | 'caPem'>) {
    this.#bench = bench
    writeFileSync(this.caFile, bench.caPem)
  }

  async run(supplicant: Supplicant) {
    this.#runs += 1
    const file = join(this.folder, `${this.#runs}.conf`)
    writeFileSync(file, `network={\n${this.#lines(supplicant).join('\n')}\n}\n`)
    const station = `30:s:02-00-00-00-00-02:${supplicant.ssid ?? 'corp'}`
    const { code, output } = await runTool('eapol_test', [
      ...['-c', file, '-a', '127.0.0.1', '-p', String(supplicant.port ?? this.#bench.authPort)],
      ...['-s', supplicant.secret ?? nasSecret, '-t', String(supplicant.timeoutSeconds ?? 10)],
      ...['-N', station, '-M', '02:11:22:33:44:55', ...(supplicant.args ?? [])],
    ])
    return {
      isSuccess: code === 0 && output.trimEnd().endsWith('SUCCESS'),
      keys: /^MPPE keys OK: (\d+) {2}mismatch: (\d+)$/m.exec(output)?.slice(1, 3).join(' '),
      tls: /(TLSv1\.\d)$/m.exec(output)?.[1],
      vlan: readVlan(output),
      msk: readMsk(output, supplicant.eap ?? 'TTLS'),
      isSilent: output.includes('EAPOL test timed out'),
      resumed: output.match(/resumed=1/g)?.length ?? 0,
      output,
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }

  #lines(supplicant: Supplicant): string[] {
    return [
      'key_mgmt=IEEE8021X',
      `eap=${supplicant.eap ?? 'TTLS'}`,
      `identity="${supplicant.name ?? 'alice'}"`,
      `anonymous_identity="${supplicant.anonymous ?? 'anonymous@contoso.example'}"`,
      `password="${supplicant.password ?? password}"`,
      `phase1="${onlyVersion[supplicant.version]} ${supplicant.phase1 ?? ''}"`,
      `phase2="${supplicant.phase2 ?? 'auth=PAP'}"`,
      `ca_cert="${this.caFile}"`,
      `domain_match="${serverName}"`,
      ...(supplicant.more ?? []),
    ]
  }
}

/** eapol_test prints text it takes for octets in hexadecimal. */
function readVlan(output: string): string | null {
  const hex = /Attribute 81 [^\n]*\n\s+Value: ([0-9a-f]+)/.exec(output)?.[1]
  return hex === undefined ? null : Buffer.from(hex, 'hex').toString()
}

/** The 64 octets the client derives outside, with crypto-binding the later ones; null without. */
function readMsk(output: string, method: string): Buffer | null {
  const told = output.matchAll(
    /EAP-(\w+): Derived key.* - hexdump\(len=64\):((?: [0-9a-f]{2}){64})/g,
  )
  const hex = [...told].findLast(([, name]) => name === method)?.[2]
  return hex === undefined ? null : Buffer.from(hex.replaceAll(' ', ''), 'hex')
}
