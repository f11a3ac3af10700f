import type { Test } from 'tap'
import type { DemoFacts } from '../../src/demo/facts.ts'
import { Box, type Ran, until } from './box.ts'

/** What a test that starts an SSSD needs, as {@link withTools} takes it. */
export const SSSD_NEEDS = {
  tools: ['sssd', 'sss_ssh_authorizedkeys', 'pamtester', 'unshare', 'nsenter'],
  root: true,
} as const

export interface SssdOptions {
  readonly schema: 'rfc2307bis' | 'rfc2307'
  readonly transport: 'StartTLS' | 'LDAPS'
  /** More lines of the domain's section. */
  readonly more?: readonly string[]
}

/** A real SSSD with its NSS and PAM parts, in a box of its own; what it remembers lasts a second. */
export class Sssd {
  readonly box: Box

  private constructor(box: Box) {
    this.box = box
  }

  /** Resolves when it answers, or has had its time: what it then says belongs to the test. */
  static async start(t: Test, ldap: DemoFacts['ldap'], options: SssdOptions): Promise<Sssd> {
    const box = await Box.start(t)
    await box.write('/etc/sssd/sssd.conf', makeConf(ldap, options))
    const pam = ['auth', 'account'].map((kind) => `${kind} required pam_sss.so\n`).join('')
    await box.write('/etc/pam.d/gatehouse', pam, '644')
    const switches = ['passwd', 'group', 'shadow'].map((name) => `${name}: files sss\n`).join('')
    await box.write('/etc/nsswitch.conf', `${switches}hosts: files dns\n`, '644')
    box.background('sssd', 'sssd', ['-i', '-d', '2', '--logger=stderr'])
    const sssd = new Sssd(box)
    await until(
      () => sssd.getent('passwd', 'adele.vance'),
      ({ code }) => code === 0,
    )
    return sssd
  }

  getent(table: 'passwd' | 'group', key: string): Promise<Ran> {
    return this.box.run('getent', [table, key])
  }

  /** Names of all the groups `id` shows of a person, sorted. */
  async groupsOf(person: string): Promise<string[]> {
    const { output } = await this.box.run('id', ['-Gn', person])
    return output.trim().split(' ').sort()
  }

  /** A log-in with both of PAM's questions: is it her, and may she come in. */
  logIn(person: string, password: string): Promise<Ran> {
    const args = ['gatehouse', person, 'authenticate', 'acct_mgmt']
    return this.box.run('pamtester', args, `${password}\n`)
  }

  sshKeysOf(person: string): Promise<Ran> {
    return this.box.run('sss_ssh_authorizedkeys', [person])
  }

  /** What it has complained of so far. */
  async complaints(): Promise<string> {
    return (await this.box.run('cat', ['/run/sssd.log'])).output
  }
}

function makeConf(ldap: DemoFacts['ldap'], options: SssdOptions): string {
  const { schema, transport, more = ['access_provider = permit'] } = options
  return `[sssd]
services = nss, pam, ssh
domains = contoso

[nss]
memcache_timeout = 0
entry_negative_timeout = 1

[pam]
pam_id_timeout = 0

[domain/contoso]
id_provider = ldap
auth_provider = ldap
ldap_uri = ${transport === 'LDAPS' ? ldap.ldapsUrl : ldap.url}
ldap_id_use_start_tls = ${transport === 'StartTLS'}
ldap_tls_cacert = ${ldap.caFile}
ldap_tls_reqcert = demand
ldap_default_bind_dn = ${ldap.bindDn}
ldap_default_authtok = ${ldap.bindPassword}
ldap_schema = ${schema}
ldap_search_base = ${ldap.baseDn}
cache_credentials = false
entry_cache_timeout = 1
${more.join('\n')}
`
}
