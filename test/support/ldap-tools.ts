import type { DemoFacts } from '../../src/demo/facts.ts'
import { type Result, run } from './run.ts'

/** Both ways to be private; what is asked either way must be answered alike. */
export type Transport = 'StartTLS' | 'LDAPS'

export const TRANSPORTS: readonly Transport[] = ['StartTLS', 'LDAPS']

/** ldap-utils as an administrator runs them, with the product's CA and nothing else trusted. */
export class LdapTools {
  readonly #ldap: DemoFacts['ldap']

  constructor(facts: Pick<DemoFacts, 'ldap'>) {
    this.#ldap = facts.ldap
  }

  /** Options by which the demo's LDAP client signs in. */
  get asClient(): readonly string[] {
    return ['-D', this.#ldap.bindDn, '-w', this.#ldap.bindPassword]
  }

  asPerson(username: string, password: string): readonly string[] {
    return ['-D', `uid=${username},${this.#ldap.peopleDn}`, '-w', password]
  }

  async run(
    tool: string,
    transport: Transport,
    args: readonly string[],
    options: { readonly input?: string } = {},
  ): Promise<Result> {
    const { url, ldapsUrl } = this.#ldap
    const to = transport === 'StartTLS' ? ['-ZZ', '-H', url] : ['-H', ldapsUrl]
    return await this.#exec(tool, [...to, ...args], options.input)
  }

  /** Over ldap:// without StartTLS. */
  async runInClear(tool: string, args: readonly string[]): Promise<Result> {
    return await this.#exec(tool, ['-H', this.#ldap.url, ...args])
  }

  /** A search below the base DN as the demo's LDAP client. */
  async search(transport: Transport, args: readonly string[]): Promise<Result> {
    const base = ['-LLL', '-o', 'ldif-wrap=no', '-b', this.#ldap.baseDn]
    return await this.run('ldapsearch', transport, [...this.asClient, ...base, ...args])
  }

  /** The names of the people and groups that match. */
  async find(transport: Transport, filter: string): Promise<string[]> {
    const { code, stdout, stderr } = await this.search(transport, [filter, '1.1'])
    if (code !== 0) throw new Error(`${filter}: ${code} ${stderr}`)
    return namesIn(stdout)
  }

  #exec(tool: string, args: readonly string[], input = ''): Promise<Result> {
    const env = { LDAPTLS_CACERT: this.#ldap.caFile, LDAPTLS_REQCERT: 'demand' }
    return run(tool, ['-x', ...args], { env, input })
  }
}

/** The first value of each DN of a person or group, in the order of the LDIF. */
export function namesIn(ldif: string): string[] {
  return [...ldif.matchAll(/^dn: (?:uid|cn)=([^,]+),/gm)].map(([, name]) => name ?? '')
}
