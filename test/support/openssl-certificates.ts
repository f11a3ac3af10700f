import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { KeyedCertificate } from '../../src/credentials/certificates/authority.ts'
import { runTool } from './run-tool.ts'

const DAY_MS = 86_400_000

export interface Wish {
  readonly name: string
  /** Itself when left out. */
  readonly by?: KeyedCertificate
  readonly isAuthority?: boolean
  /** Lines of OpenSSL's configuration of extensions. */
  readonly extensions?: readonly string[]
  readonly key?: 'ec' | `rsa:${number}` | 'ed25519'
  readonly hash?: 'sha256' | 'sha1' | 'md5'
  readonly startsAtMs?: number
  readonly endsAtMs?: number
}

export const forServers = [
  'subjectAltName=DNS:radius.contoso.example',
  'extendedKeyUsage=serverAuth',
]

const KEYS = { ec: ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], ed25519: ['ED25519'] } as const

/** Certificates as an authority elsewhere makes them, by the openssl program. */
export class OpensslCertificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'gatehouse-openssl-'))
  #made = 0

  constructor(t: Pick<Test, 'teardown'>, remove: (folder: string) => void) {
    t.teardown(() => remove(this.folder))
  }

  /** The certificate alone, without those above it. */
  async make(wish: Wish): Promise<KeyedCertificate> {
    this.#made += 1
    const at = (kind: string) => join(this.folder, `${this.#made}.${kind}`)
    const { key = 'ec', hash = 'sha256', startsAtMs = Date.now() - DAY_MS } = wish
    const algorithm = key === 'ec' || key === 'ed25519' ? KEYS[key] : rsa(key)
    await openssl('genpkey', '-algorithm', ...algorithm, '-out', at('key'))
    await openssl('req', '-new', '-key', at('key'), '-subj', `/CN=${wish.name}`, '-out', at('csr'))
    const authority = wish.isAuthority === true ? ['basicConstraints=critical,CA:true'] : []
    writeFileSync(at('cnf'), this.#config(at('index'), [...authority, ...(wish.extensions ?? [])]))
    writeFileSync(at('index'), '')
    const signer = wish.by ?? null
    writeFileSync(at('ca'), signer?.certificate ?? '')
    writeFileSync(at('cakey'), signer?.privateKey ?? readFileSync(at('key')))
    await openssl(
      ...['ca', '-batch', '-notext', '-config', at('cnf'), '-extensions', 'x', '-md', hash],
      ...(signer === null ? ['-selfsign'] : ['-cert', at('ca')]),
      ...['-keyfile', at('cakey'), '-in', at('csr'), '-out', at('pem')],
      ...['-startdate', toTime(startsAtMs)],
      ...['-enddate', toTime(wish.endsAtMs ?? startsAtMs + 365 * DAY_MS)],
    )
    return {
      certificate: readFileSync(at('pem'), 'utf8'),
      privateKey: readFileSync(at('key'), 'utf8'),
    }
  }

  #config(index: string, extensions: readonly string[]): string {
    const authority = `database=${index}\nnew_certs_dir=${this.folder}\nrand_serial=yes\npolicy=p`
    const sections = { ca: 'default_ca=a', a: authority, p: 'commonName=supplied' }
    const text = Object.entries({ ...sections, x: extensions.join('\n') })
    return text.map(([name, lines]) => `[${name}]\n${lines}\n`).join('')
  }
}

async function openssl(...args: readonly string[]): Promise<void> {
  const { code, output } = await runTool('openssl', args)
  if (code !== 0) throw new Error(`openssl ${args.join(' ')}: ${output}`)
}

function rsa(key: `rsa:${number}`): readonly string[] {
  return ['RSA', '-pkeyopt', `rsa_keygen_bits:${key.slice(4)}`]
}

/** OpenSSL's YYYYMMDDHHMMSSZ. */
function toTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`
}
