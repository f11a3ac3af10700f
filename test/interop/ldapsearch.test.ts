import { Client } from 'ldapts'
import t from 'tap'
import { PASSWORD, startTestDemo, type TestDemo } from '../support/demo.ts'
import { run } from '../support/run.ts'
import { withTools } from '../support/tools.ts'

/** ldap-utils' word for each way in; both must answer the same. */
type Transport = 'StartTLS' | 'LDAPS'

class Ldap {
  readonly #demo: TestDemo

  constructor(demo: TestDemo) {
    this.#demo = demo
  }

  flags(transport: Transport): string[] {
    const { url, ldapsUrl } = this.#demo.facts.ldap
    return transport === 'StartTLS' ? ['-ZZ', '-H', url] : ['-H', ldapsUrl]
  }

  async tool(tool: string, args: readonly string[]) {
    return await run(tool, args, { env: { LDAPTLS_CACERT: this.#demo.facts.ldap.caFile } })
  }

  async search(transport: Transport, args: readonly string[]) {
    const { baseDn, bindDn, bindPassword } = this.#demo.facts.ldap
    const bind = ['-x', '-D', bindDn, '-w', bindPassword, '-b', baseDn]
    return await this.tool('ldapsearch', [
      ...this.flags(transport),
      ...bind,
      '-LLL',
      '-o',
      'ldif-wrap=no',
      ...args,
    ])
  }
}

const dns = (ldif: string) =>
  [...ldif.matchAll(/^dn: (?:uid|cn)=([^,]+),/gm)].map(([, name]) => name ?? '')

await withTools(
  t,
  {
    name: 'ldap-utils against the whole product',
    tools: ['ldapsearch', 'ldapwhoami', 'ldapcompare'],
  },
  async (t) => {
    const demo = await startTestDemo(t, { people: 60 })
    const ldap = new Ldap(demo)
    const { baseDn, peopleDn, groupsDn } = demo.facts.ldap

    for (const transport of ['StartTLS', 'LDAPS'] as const) {
      await t.test(
        `${transport}: people and groups are found by what clients search by`,
        async (t) => {
          const one = async (filter: string) =>
            dns((await ldap.search(transport, [filter, '1.1'])).stdout)
          t.same(await one('(uid=adele.vance)'), ['adele.vance'])
          t.same(await one('(UID=Adele.Vance)'), ['adele.vance'], 'names and values without case')
          t.same(await one('(mail=adele.vance@contoso.example)'), ['adele.vance'])
          t.same(await one(`(&(objectClass=posixAccount)(uidNumber=300000))`), ['adele.vance'])
          const sales = await one(`(&(objectClass=person)(memberOf=cn=sales,${groupsDn}))`)
          const corp = await one(`(&(objectClass=person)(memberOf=cn=wi-fi-corp,${groupsDn}))`)
          t.ok(sales.includes('adele.vance'))
          t.ok(
            sales.every((name) => corp.includes(name)),
            'who is in sales is in the group it is nested in',
          )
          t.ok(corp.length > sales.length)
          t.same(await one('(&(objectClass=person)(cn=*dele V*))'), ['adele.vance'], 'substring')
          const from = await one('(uidNumber>=300010)')
          const below = await one('(&(objectClass=posixAccount)(!(uidNumber>=300010)))')
          t.ok(from.length > 0 && below.length === 10, `${below.length} below, ${from.length} from`)
          t.same(await one('(&(objectClass=groupOfNames)(cn=sales))'), ['sales'])
          t.ok((await one(`(member=uid=adele.vance,${peopleDn})`)).includes('sales'))
          t.ok((await one('(memberUid=adele.vance)')).includes('sales'))
          t.same(
            await one('(noSuchAttribute=x)'),
            [],
            'an unknown attribute matches nothing and is no error',
          )
          t.same(await one('(!(noSuchAttribute=x))'), [], 'and neither does its negation')
        },
      )
    }

    await t.test('attributes: asked by name, in the schema’s spelling; *, + and 1.1', async (t) => {
      const { stdout: named } = await ldap.search('LDAPS', [
        '(uid=adele.vance)',
        'UIDNUMBER',
        'objectclass',
        'sshPublicKey;x',
      ])
      t.match(named, /^uidNumber: 300000$/m)
      t.match(named, /^objectClass: posixAccount$/m)
      const { stdout: user } = await ldap.search('LDAPS', ['(uid=adele.vance)'])
      t.match(user, /^homeDirectory: \/home\/adele\.vance$/m)
      t.notMatch(user, /^entryUUID:/m)
      const { stdout: operational } = await ldap.search('LDAPS', ['(uid=adele.vance)', '+'])
      for (const name of ['entryUUID', 'entryUSN', 'modifyTimestamp', 'entryDN'])
        t.match(operational, new RegExp(`^${name}: `, 'm'))
      t.notMatch(`${user}${operational}`, /userPassword/i)
    })

    await t.test('limits, pages, root DSE and schema', async (t) => {
      const limited = await ldap.search('LDAPS', ['-z', '5', '(objectClass=person)', '1.1'])
      t.equal(limited.code, 4, limited.stderr)
      t.equal(dns(limited.stdout).length, 5)
      const all = dns((await ldap.search('LDAPS', ['(objectClass=person)', '1.1'])).stdout)
      const paged = dns(
        (await ldap.search('LDAPS', ['-E', '!pr=7/noprompt', '(objectClass=person)', '1.1']))
          .stdout,
      )
      t.same(paged, all, 'pages of 7 give everybody once, in the same order')
      const refused = await ldap.search('LDAPS', ['-E', '!sss=uid', '(objectClass=person)', '1.1'])
      t.equal(refused.code, 12, 'a critical control that is not understood')
      const missing = await ldap.search('LDAPS', ['-b', `uid=no.body,${peopleDn}`, '-s', 'base'])
      t.equal(missing.code, 32)
      t.match(
        missing.stdout + missing.stderr,
        new RegExp(`matched DN: ${peopleDn}|Matched DN: ${peopleDn}`, 'i'),
      )
      const root = await ldap.tool('ldapsearch', [
        '-x',
        '-LLL',
        ...ldap.flags('StartTLS'),
        '-s',
        'base',
        '-b',
        '',
        '+',
      ])
      t.match(root.stdout, new RegExp(`^namingContexts: ${baseDn}$`, 'm'))
      t.match(root.stdout, /^supportedControl: 1\.2\.840\.113556\.1\.4\.319$/m)
      const schema = await ldap.tool('ldapsearch', [
        '-x',
        '-LLL',
        ...ldap.flags('LDAPS'),
        '-s',
        'base',
        '-b',
        'cn=Subschema',
        'attributeTypes',
      ])
      t.match(schema.stdout, /NAME 'uidNumber'/)
      const anonymous = await ldap.tool('ldapsearch', [
        '-x',
        '-LLL',
        ...ldap.flags('LDAPS'),
        '-b',
        baseDn,
        '(uid=adele.vance)',
      ])
      t.same(dns(anonymous.stdout), [], 'nobody sees people without a bind')
    })

    await t.test('who am I, compare, and a person reads her own entry only', async (t) => {
      const own = ['-x', '-D', `uid=adele.vance,${peopleDn}`, '-w', PASSWORD]
      const who = await ldap.tool('ldapwhoami', [...ldap.flags('LDAPS'), ...own])
      t.equal(who.stdout.trim(), `dn:uid=adele.vance,${peopleDn}`)
      const compare = (assertion: string) => {
        const { bindDn, bindPassword } = demo.facts.ldap
        return ldap.tool('ldapcompare', [
          ...ldap.flags('LDAPS'),
          '-x',
          '-D',
          bindDn,
          '-w',
          bindPassword,
          `cn=sales,${groupsDn}`,
          assertion,
        ])
      }
      t.equal((await compare(`member:uid=adele.vance,${peopleDn}`)).code, 6, 'compareTrue')
      t.equal((await compare(`member:uid=no.body,${peopleDn}`)).code, 5, 'compareFalse')
      const seen = await ldap.tool('ldapsearch', [
        ...ldap.flags('LDAPS'),
        ...own,
        '-LLL',
        '-b',
        baseDn,
        '(objectClass=person)',
        '1.1',
      ])
      t.same(dns(seen.stdout), ['adele.vance'])
    })

    await t.test('bind: every way to be wrong gets 49 with the same text', async (t) => {
      const answers = new Set<string>()
      for (const [name, password] of [
        ['adele.vance', 'wrong'],
        ['nestor.wilke', PASSWORD],
        ['lynne.robbins', PASSWORD],
        ['no.body.here', PASSWORD],
      ] as const) {
        const { code, stderr } = await ldap.tool('ldapwhoami', [
          ...ldap.flags('LDAPS'),
          '-x',
          '-D',
          `uid=${name},${peopleDn}`,
          '-w',
          password,
        ])
        t.equal(code, 49, name)
        answers.add(stderr)
      }
      t.equal(answers.size, 1, [...answers].join())
      const empty = await ldap.tool('ldapwhoami', [
        ...ldap.flags('LDAPS'),
        '-x',
        '-D',
        `uid=adele.vance,${peopleDn}`,
        '-w',
        '',
      ])
      t.not(empty.code, 0, 'RFC 4513 §5.1.2: a name with an empty password is no log-in')
    })

    await t.test(
      'bind: wrong password, staged, suspended and unknown take the same time',
      async (t) => {
        const client = new Client({ url: demo.facts.ldap.url })
        t.teardown(() => client.unbind())
        const wrongPassword = demo.facts.people
          .filter(({ state }) => state === 'active')
          .map(({ username }) => username)
        const times: Record<string, number[]> = {
          wrong: [],
          staged: [],
          suspended: [],
          unknown: [],
        }
        const measure = async (kind: string, name: string, password: string) => {
          const start = performance.now()
          await t.rejects(client.bind(`uid=${name},${peopleDn}`, password), { code: 49 })
          times[kind]?.push(performance.now() - start)
        }
        // A wrong value that is repeated is answered from memory, so each is a new one; few for each
        // person, since back-off begins with the fifth.
        for (let round = 0; round < 4; round++) {
          await measure('staged', 'nestor.wilke', `wrong ${round}`)
          await measure('suspended', 'lynne.robbins', `wrong ${round}`)
          for (const name of wrongPassword.slice(round * 3, round * 3 + 3))
            await measure('wrong', name, `wrong ${round}`)
          for (let at = 0; at < 3; at++)
            await measure('unknown', `no.body.${round}.${at}`, `wrong ${round}`)
        }
        const median = (kind: string) =>
          times[kind]?.toSorted((a, b) => a - b)[Math.floor((times[kind]?.length ?? 0) / 2)] ?? 0
        for (const kind of ['staged', 'suspended', 'unknown']) {
          const ratio = median(kind) / median('wrong')
          t.ok(
            ratio > 0.4 && ratio < 2.5,
            `${kind}: ${median(kind).toFixed(1)} ms beside ${median('wrong').toFixed(1)} ms`,
          )
        }
        t.ok(median('unknown') > 5, 'an unknown name is not answered at once')
      },
    )
  },
)
