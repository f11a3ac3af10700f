import { readFileSync } from 'node:fs'
// @ts-expect-error the package brings no types
import ldapjs from 'ldapjs'
import { Client } from 'ldapts'
import t from 'tap'
import { PASSWORD, startTestDemo } from '../support/demo.ts'

interface LegacyEntry {
  readonly pojo: {
    readonly objectName: string
    readonly attributes: { type: string; values: string[] }[]
  }
}

const demo = await startTestDemo(t)
const { ldap } = demo.facts
const ca = readFileSync(ldap.caFile)

await t.test('ldapts: StartTLS, bind, search, pages', async (t) => {
  const client = new Client({ url: ldap.url })
  await client.startTLS({ ca, host: '127.0.0.1' })
  await client.bind(ldap.bindDn, ldap.bindPassword)
  const { searchEntries } = await client.search(ldap.baseDn, {
    filter: '(uid=adele.vance)',
    attributes: ['cn', 'memberOf'],
  })
  t.match(searchEntries, [{ dn: `uid=adele.vance,${ldap.peopleDn}`, cn: 'Adele Vance' }])
  const all = await client.search(ldap.peopleDn, {
    filter: '(objectClass=person)',
    attributes: ['uid'],
    paged: { pageSize: 5 },
  })
  const names = all.searchEntries.map((entry) => entry['uid'])
  t.equal(new Set(names).size, names.length)
  t.equal(names.length, demo.facts.people.filter(({ state }) => state !== 'staged').length)
  await t.rejects(client.bind(`uid=adele.vance,${ldap.peopleDn}`, 'wrong'), { code: 49 })
  const after = await client
    .search(ldap.baseDn, { filter: '(uid=adele.vance)' })
    .catch(() => ({ searchEntries: [] }))
  t.same(
    after.searchEntries,
    [],
    'a bind that fails has dropped the identity before it (RFC 4513 §4)',
  )
  await client.bind(`uid=adele.vance,${ldap.peopleDn}`, PASSWORD)
  await client.unbind()
})

await t.test('ldapjs: LDAPS, bind, search in camel case', async (t) => {
  const client = ldapjs.createClient({ url: ldap.ldapsUrl, tlsOptions: { ca } })
  t.teardown(() => client.destroy())
  await new Promise<void>((resolve, reject) => {
    client.on('error', reject)
    client.bind(ldap.bindDn, ldap.bindPassword, (error: Error | null) =>
      error === null ? resolve() : reject(error),
    )
  })
  const entries = await new Promise<LegacyEntry[]>((resolve, reject) => {
    const found: LegacyEntry[] = []
    const options = {
      scope: 'sub',
      filter: '(mail=adele.vance@contoso.example)',
      attributes: ['uidNumber', 'objectClass'],
    }
    client.search(ldap.baseDn, options, (error: Error | null, response: NodeJS.EventEmitter) => {
      if (error !== null) return reject(error)
      response.on('searchEntry', (entry: LegacyEntry) => found.push(entry))
      response.on('error', reject)
      response.on('end', () => resolve(found))
    })
  })
  t.equal(entries.length, 1)
  const attributes = entries[0]?.pojo.attributes ?? []
  t.same(attributes.find(({ type }) => type === 'uidNumber')?.values, ['300000'])
  t.ok(attributes.find(({ type }) => type === 'objectClass')?.values.includes('posixAccount'))
})
