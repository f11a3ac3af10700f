import t from 'tap'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { LdapTools, namesIn, TRANSPORTS } from '../support/ldap-tools.ts'
import { withTools } from '../support/tools.ts'

const TOOLS = ['ldapsearch', 'ldapwhoami', 'ldapcompare', 'ldapmodify']

await withTools(t, { name: 'ldap-utils against the whole product', tools: TOOLS }, async (t) => {
  const demo = await startTestDemo(t, { people: 60 })
  const { baseDn, peopleDn, groupsDn } = demo.facts.ldap
  const ldap = new LdapTools(demo.facts)
  const adele = `uid=adele.vance,${peopleDn}`

  for (const transport of TRANSPORTS) {
    const find = (filter: string) => ldap.find(transport, filter)

    await t.test(`${transport}: people by name, address, number and part of a name`, async (t) => {
      const cases = [
        '(uid=adele.vance)',
        '(UID=Adele.VANCE)',
        '(mail=adele.vance@contoso.example)',
        '(&(objectClass=posixAccount)(uidNumber=300000))',
        '(&(objectClass=person)(cn=*dele V*))',
        '(&(objectClass=person)(mail=adele.v*@contoso.example))',
        '(&(objectClass=person)(uidNumber<=300000))',
        '(|(uid=adele.vance)(uid=no.body))',
      ]
      for (const filter of cases) t.same(await find(filter), ['adele.vance'], filter)
      const everybody = await find('(objectClass=posixAccount)')
      const numbers = (await ldap.search(transport, ['(objectClass=posixAccount)', 'uidNumber']))
        .stdout
      const isFrom = [...numbers.matchAll(/^uidNumber: (\d+)$/gm)].map(
        ([, n]) => Number(n) >= 3e5 + 10,
      )
      t.same(
        await find('(&(objectClass=posixAccount)(uidNumber>=300010))'),
        everybody.filter((_, at) => isFrom[at]),
      )
      t.ok(isFrom.includes(true) && isFrom.includes(false))
    })

    await t.test(`${transport}: groups and who is in them, nested ones included`, async (t) => {
      const inside = (group: string, kind: string) =>
        find(`(&(objectClass=${kind})(memberOf=cn=${group},${groupsDn}))`)
      const sales = await inside('sales', 'person')
      const corp = await inside('wi-fi-corp', 'person')
      t.ok(sales.includes('adele.vance'))
      t.same(
        sales.filter((name) => !corp.includes(name)),
        [],
        'sales is nested in wi-fi-corp, and so are its people',
      )
      t.ok(corp.length > sales.length)
      t.ok((await inside('wi-fi-corp', 'groupOfNames')).includes('sales'), 'and the group itself')
      t.same(await find('(&(objectClass=groupOfNames)(cn=sales))'), ['sales'])
      const direct = await find(`(member=${adele})`)
      t.ok(direct.includes('sales') && !direct.includes('wi-fi-corp'), 'member: the direct groups')
      const all = await find('(memberUid=adele.vance)')
      t.ok(all.includes('sales') && all.includes('wi-fi-corp'), 'memberUid: all of them')
    })

    await t.test(`${transport}: three-valued logic, and entries that are not served`, async (t) => {
      t.same(await find('(noSuchAttribute=x)'), [], 'RFC 4511 §4.5.1.7: Undefined is no match')
      t.same(await find('(!(noSuchAttribute=x))'), [], 'and its negation is Undefined too')
      t.same(await find('(uid=nestor.wilke)'), [], 'staged people are absent')
      t.same(await find('(&(uid=lynne.robbins)(nsAccountLock=TRUE))'), ['lynne.robbins'])
      t.same(await find(`(&(uid=lynne.robbins)(memberOf=*))`), [], 'suspended: in no group')
    })
  }

  await t.test('attributes: by name in the schema’s spelling; *, + and 1.1', async (t) => {
    const of = async (...attributes: string[]) =>
      (await ldap.search('LDAPS', ['(uid=adele.vance)', ...attributes])).stdout
    const named = await of('UIDNUMBER', 'objectclass', 'noSuchAttribute')
    t.match(named, /^uidNumber: 300000$/m)
    t.match(named, /^objectClass: posixAccount$/m)
    t.notMatch(named, /^(?!dn|uidNumber|objectClass)[a-z]+:/im, 'and no others')
    const user = await of('*')
    t.match(user, /^homeDirectory: \/home\/adele\.vance$/m)
    t.notMatch(user, /^entryUUID:/m)
    const operational = await of('+')
    for (const name of ['entryUUID', 'entryUSN', 'modifyTimestamp', 'entryDN'])
      t.match(operational, new RegExp(`^${name}: `, 'm'))
    t.notMatch(operational, /^homeDirectory:/m)
    t.notMatch(user + operational, /userPassword/i)
    t.equal((await of('1.1')).trim(), `dn: ${adele}`)
    t.match(await of('-A', 'uid'), /^uid:\s*$/m)
  })

  await t.test('size and time limits, pages, refusals', async (t) => {
    const people = '(objectClass=person)'
    const all = await ldap.find('LDAPS', people)
    const limited = await ldap.search('LDAPS', ['-z', '5', people, '1.1'])
    t.equal(limited.code, 4, `sizeLimitExceeded: ${limited.stderr}`)
    t.same(namesIn(limited.stdout), all.slice(0, 5))
    const inTime = await ldap.search('LDAPS', ['-l', '30', people, '1.1'])
    t.equal(inTime.code, 0)
    t.same(namesIn(inTime.stdout), all, 'a time limit that is kept changes nothing')
    for (const size of [1, 7, all.length, 1_000]) {
      const paged = await ldap.search('LDAPS', ['-E', `!pr=${size}/noprompt`, people, '1.1'])
      t.same(namesIn(paged.stdout), all, `pages of ${size} give everybody once`)
    }
    const refused = await ldap.search('LDAPS', ['-E', '!sss=uid', people, '1.1'])
    t.equal(refused.code, 12, 'a critical control that is not understood')
    const ignored = await ldap.search('LDAPS', ['-E', 'sss=uid', people, '1.1'])
    t.same(namesIn(ignored.stdout).length, all.length, 'one that is not critical is passed over')
    const missing = await ldap.search('LDAPS', ['-b', `uid=no.body,${peopleDn}`, '-s', 'base'])
    t.equal(missing.code, 32)
    t.match(missing.stdout + missing.stderr, new RegExp(`matched DN: ${peopleDn}`, 'i'))
  })

  await t.test('scopes: base, one and sub', async (t) => {
    const inScope = async (base: string, scope: string) =>
      namesIn((await ldap.search('LDAPS', ['-b', base, '-s', scope, '1.1'])).stdout)
    t.same(await inScope(adele, 'base'), ['adele.vance'])
    t.same(await inScope(adele, 'one'), [])
    const people = await ldap.find('LDAPS', '(objectClass=person)')
    t.same(await inScope(peopleDn, 'one'), people)
    t.same(await inScope(baseDn, 'one'), [], 'only the units are right below the base')
  })

  await t.test('root DSE and schema are for everybody, people are not', async (t) => {
    const public_ = (base: string, ...attributes: string[]) =>
      ldap.run('ldapsearch', 'LDAPS', ['-LLL', '-s', 'base', '-b', base, ...attributes])
    const root = (await public_('', '+')).stdout
    t.match(root, new RegExp(`^namingContexts: ${baseDn}$`, 'm'))
    t.match(root, /^supportedControl: 1\.2\.840\.113556\.1\.4\.319$/m, 'paged results')
    t.match(root, /^supportedExtension: 1\.3\.6\.1\.4\.1\.1466\.20037$/m, 'StartTLS')
    t.match(root, /^subschemaSubentry: cn=Subschema$/im)
    const schema = (await public_('cn=Subschema', 'attributeTypes', 'objectClasses')).stdout
    t.match(schema, /NAME 'uidNumber'/)
    t.match(schema, /NAME 'ldapPublicKey'/)
    const anonymous = await ldap.run('ldapsearch', 'LDAPS', ['-LLL', '-b', baseDn, '(uid=*)'])
    t.same(namesIn(anonymous.stdout), [])
    t.not(anonymous.code, 0)
  })

  await t.test('who am I, compare, and a person reads her own entry only', async (t) => {
    const own = ldap.asPerson('adele.vance', PASSWORD)
    for (const transport of TRANSPORTS) {
      const { stdout } = await ldap.run('ldapwhoami', transport, own)
      t.equal(stdout.trim(), `dn:${adele}`, transport)
    }
    for (const name of ['adele.vance', 'Adele.Vance@contoso.example']) {
      const { stdout } = await ldap.run('ldapwhoami', 'LDAPS', ['-D', name, '-w', PASSWORD])
      t.equal(stdout.trim(), `dn:${adele}`, `signed in as ${name}`)
    }
    const nobody = await ldap.run('ldapwhoami', 'LDAPS', [])
    t.equal(nobody.stdout.trim(), 'anonymous')
    const compare = async (assertion: string) => {
      const args = [...ldap.asClient, `cn=sales,${groupsDn}`, assertion]
      return (await ldap.run('ldapcompare', 'LDAPS', args)).code
    }
    t.equal(await compare(`member:${adele}`), 6, 'compareTrue')
    t.equal(await compare(`member:uid=no.body,${peopleDn}`), 5, 'compareFalse')
    t.equal(await compare('telephoneNumber:1'), 16, 'noSuchAttribute')
    const search = [...own, '-LLL', '-b', baseDn, '(objectClass=person)', '1.1']
    t.same(namesIn((await ldap.run('ldapsearch', 'LDAPS', search)).stdout), ['adele.vance'])
  })

  await t.test('a write is refused and changes nothing', async (t) => {
    const modify = await ldap.run('ldapmodify', 'LDAPS', ldap.asClient, {
      input: `dn: ${adele}\nchangetype: modify\nreplace: title\ntitle: Director\n`,
    })
    t.equal(modify.code, 53, `unwillingToPerform: ${modify.stderr}`)
    t.same(await ldap.find('LDAPS', '(title=Director)'), [])
  })
})
