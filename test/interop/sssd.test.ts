import t, { type Test } from 'tap'
import { Admin } from '../support/admin.ts'
import { type Ran, until } from '../support/box.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { SSSD_NEEDS, Sssd } from '../support/sssd.ts'
import { withTools } from '../support/tools.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmzQyfOeyLNzA2EZdDw1MvMEnFLZT0KAKpvBwQ0Xw1Z adele'

const isIn = ({ code, output }: Ran) => code === 0 && /account management done/.test(output)

await withTools(t, { name: 'SSSD looks people up and lets them in', ...SSSD_NEEDS }, async (t) => {
  const demo = await startTestDemo(t)
  const { ldap } = demo.facts
  const admin = new Admin(demo.facts)
  await admin.setSshKeys('adele.vance', [KEY])
  await t.test('rfc2307bis over StartTLS', async (t) => {
    const sssd = await Sssd.start(t, ldap, { schema: 'rfc2307bis', transport: 'StartTLS' })
    await testLookUps(t, sssd)
    await testLogIns(t, sssd)
    await testSuspension(t, sssd, admin)
  })
  await t.test('rfc2307 over LDAPS, for members of one group only', async (t) => {
    const sssd = await Sssd.start(t, ldap, {
      schema: 'rfc2307',
      transport: 'LDAPS',
      more: [
        'access_provider = ldap',
        'ldap_access_order = filter',
        `ldap_access_filter = (memberOf=cn=wi-fi-corp,${ldap.groupsDn})`,
      ],
    })
    await testLookUps(t, sssd)
    await testAccessFilter(t, sssd, admin)
  })
})

async function testLookUps(t: Test, sssd: Sssd): Promise<void> {
  await t.test('getent passwd: name, number, home and shell', async (t) => {
    t.equal(
      (await sssd.getent('passwd', 'adele.vance')).output.trim(),
      'adele.vance:*:300000:300000:Adele Vance:/home/adele.vance:/bin/bash',
      await sssd.complaints(),
    )
    t.match((await sssd.getent('passwd', '300001')).output, /^alex\.wilber:/)
    for (const absent of ['nobody.at.all', 'nestor.wilke'])
      t.equal((await sssd.getent('passwd', absent)).code, 2, absent)
  })

  await t.test('id and getent group: her own group, direct ones and nested ones', async (t) => {
    const { output } = await sssd.box.run('id', ['adele.vance'])
    t.match(output, /^uid=300000\(adele\.vance\) gid=300000\(adele\.vance\) /)
    const groups = await sssd.groupsOf('adele.vance')
    for (const group of ['adele.vance', 'sales', 'wi-fi-corp', 'all-employees'])
      t.ok(groups.includes(group), group)
    t.notOk(groups.includes('engineering'))
    const membersOf = async (group: string) =>
      (await sssd.getent('group', group)).output.trim().split(':')[3]?.split(',') ?? []
    t.ok((await membersOf('sales')).includes('adele.vance'))
    const nested = await membersOf('wi-fi-corp')
    t.ok(nested.includes('adele.vance'), 'a member of sales, which is nested in it')
    t.notOk(nested.includes('sales'), 'people, not groups')
    t.notOk((await membersOf('all-employees')).includes('nestor.wilke'), 'staged')
    t.equal((await sssd.getent('group', 'no-such-group')).code, 2)
  })
}

async function testLogIns(t: Test, sssd: Sssd): Promise<void> {
  await t.test('PAM: the right password lets in, everything else does not', async (t) => {
    const right = await sssd.logIn('adele.vance', PASSWORD)
    t.ok(isIn(right), right.output)
    const cases: readonly (readonly [string, string, RegExp])[] = [
      ['adele.vance', 'not her password', /: Authentication failure/],
      ['lynne.robbins', PASSWORD, /: Authentication failure/],
      ['nestor.wilke', PASSWORD, /: User not known/],
      ['no.body', PASSWORD, /: User not known/],
    ]
    for (const [person, password, saying] of cases) {
      const { code, output } = await sssd.logIn(person, password)
      t.equal(code, 1, person)
      t.match(output, saying, person)
      t.notMatch(output, /successfully/)
    }
  })
}

async function testSuspension(t: Test, sssd: Sssd, admin: Admin): Promise<void> {
  const keys = () => sssd.sshKeysOf('adele.vance')
  const hasKey = ({ output }: Ran) => output.includes(KEY.split(' ')[1] ?? '')

  await t.test('suspended: no SSH key, no log-in, no groups, but her number', async (t) => {
    t.ok(hasKey(await until(keys, hasKey)), 'before')
    await admin.suspend('adele.vance')
    const { code, output } = await until(keys, (ran) => !hasKey(ran))
    t.equal(output, '')
    t.equal(code, 0, 'sshd is told that there is none, not that something is broken')
    const refused = await sssd.logIn('adele.vance', PASSWORD)
    t.match(refused.output, /: Authentication failure/)
    t.same(await sssd.groupsOf('adele.vance'), ['adele.vance'])
    t.match((await sssd.getent('passwd', 'adele.vance')).output, /:300000:/, 'files keep an owner')
  })

  await t.test('resumed: all of it again', async (t) => {
    await admin.resume('adele.vance')
    t.ok(hasKey(await until(keys, hasKey)))
    const again = await sssd.logIn('adele.vance', PASSWORD)
    t.ok(isIn(again), again.output)
    t.ok((await sssd.groupsOf('adele.vance')).includes('wi-fi-corp'))
  })
}

async function testAccessFilter(t: Test, sssd: Sssd, admin: Admin): Promise<void> {
  await t.test('the filter lets members of the group in, nested ones too', async (t) => {
    const member = await sssd.logIn('adele.vance', PASSWORD)
    t.ok(isIn(member), member.output)
    const outside = await sssd.groupsOf('diego.siciliani')
    t.notOk(outside.includes('wi-fi-corp'), outside.join())
    const { output } = await sssd.logIn('diego.siciliani', PASSWORD)
    t.match(output, /successfully authenticated/)
    t.match(output, /Permission denied/)
  })

  await t.test('a staged person who is activated can sign in', async (t) => {
    await admin.activate('nestor.wilke')
    const found = await until(
      () => sssd.getent('passwd', 'nestor.wilke'),
      ({ code }) => code === 0,
    )
    t.match(found.output, /^nestor\.wilke:/)
    t.match((await sssd.logIn('nestor.wilke', PASSWORD)).output, /successfully authenticated/)
  })
}
