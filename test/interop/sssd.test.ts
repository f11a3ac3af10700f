import t from 'tap'
import { Admin } from '../support/admin.ts'
import { Box, until } from '../support/box.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { withTools } from '../support/tools.ts'

const TOOLS = ['sssd', 'sss_ssh_authorizedkeys', 'pamtester', 'unshare', 'nsenter']
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmzQyfOeyLNzA2EZdDw1MvMEnFLZT0KAKpvBwQ0Xw1Z adele'

await withTools(
  t,
  { name: 'SSSD (rfc2307bis): look-ups, PAM log-in and SSH keys', tools: TOOLS, root: true },
  async (t) => {
    const demo = await startTestDemo(t)
    const admin = new Admin(demo.facts)
    await admin.setSshKeys('adele.vance', [KEY])
    const { ldap } = demo.facts
    const box = await Box.start(t)
    await box.write('/etc/sssd/sssd.conf', sssdConf(ldap))
    const pam = ['auth', 'account'].map((kind) => `${kind} required pam_sss.so\n`).join('')
    await box.write('/etc/pam.d/gatehouse', pam, '644')
    const switches = ['passwd', 'group', 'shadow'].map((name) => `${name}: files sss\n`).join('')
    await box.write('/etc/nsswitch.conf', `${switches}hosts: files dns\n`, '644')
    box.background('sssd', 'sssd', ['-i', '-d', '2', '--logger=stderr'])
    const found = await until(
      () => box.run('getent', ['passwd', 'adele.vance']),
      ({ code }) => code === 0,
    )

    await t.test('getent passwd: name, number, home and shell', async (t) => {
      t.match(
        found.output,
        /^adele\.vance:\*:300000:300000:Adele Vance:\/home\/adele\.vance:\/bin\/bash$/m,
        (await box.run('cat', ['/run/sssd.log'])).output,
      )
      t.equal((await box.run('getent', ['passwd', '300001'])).output.split(':')[0], 'alex.wilber')
      t.not((await box.run('getent', ['passwd', 'nobody.at.all'])).code, 0)
    })

    await t.test('id and getent group: direct groups and nested ones', async (t) => {
      const { output } = await box.run('id', ['adele.vance'])
      t.match(output, /uid=300000\(adele\.vance\)/)
      for (const group of ['sales', 'wi-fi-corp', 'all-employees'])
        t.match(output, new RegExp(`\\(${group}\\)`), group)
      t.notMatch(output, /\(engineering\)/)
      const nested = (await box.run('getent', ['group', 'wi-fi-corp'])).output
      t.match(nested, /adele\.vance/, 'a member of sales, which is nested in it')
    })

    const logIn = (person: string, password: string) =>
      box.run('pamtester', ['gatehouse', person, 'authenticate', 'acct_mgmt'], `${password}\n`)

    await t.test('PAM: the right password lets in, everything else does not', async (t) => {
      t.match((await logIn('adele.vance', PASSWORD)).output, /successfully authenticated/)
      for (const [person, password] of [
        ['adele.vance', 'not her password'],
        ['lynne.robbins', PASSWORD],
        ['nestor.wilke', PASSWORD],
      ] as const) {
        const { code, output } = await logIn(person, password)
        t.not(code, 0, `${person}: ${output}`)
        t.notMatch(output, /successfully/)
      }
    })

    await t.test('a suspended person loses SSH key and log-in, and gets them back', async (t) => {
      const keys = () => box.run('sss_ssh_authorizedkeys', ['adele.vance'])
      t.match(
        (await until(keys, ({ output }) => output.includes('ssh-ed25519'))).output,
        KEY.split(' ')[1],
      )
      await admin.suspend('adele.vance')
      const after = await until(keys, ({ output }) => !output.includes('ssh-ed25519'))
      t.notMatch(after.output, /ssh-ed25519/)
      t.notMatch((await logIn('adele.vance', PASSWORD)).output, /successfully authenticated/)
      t.match(
        (await box.run('id', ['adele.vance'])).output,
        /uid=300000/,
        'her files keep their owner',
      )
      await admin.resume('adele.vance')
      t.match(
        (await until(keys, ({ output }) => output.includes('ssh-ed25519'))).output,
        /ssh-ed25519/,
      )
      t.match((await logIn('adele.vance', PASSWORD)).output, /successfully authenticated/)
    })
  },
)

function sssdConf(ldap: {
  url: string
  caFile: string
  bindDn: string
  bindPassword: string
  baseDn: string
}): string {
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
access_provider = permit
ldap_uri = ${ldap.url}
ldap_id_use_start_tls = true
ldap_tls_cacert = ${ldap.caFile}
ldap_tls_reqcert = demand
ldap_default_bind_dn = ${ldap.bindDn}
ldap_default_authtok = ${ldap.bindPassword}
ldap_schema = rfc2307bis
ldap_search_base = ${ldap.baseDn}
cache_credentials = false
entry_cache_timeout = 1
`
}
