import { readFileSync } from 'node:fs'
// @ts-expect-error the package brings no types
import ldapjs from 'ldapjs'
import { Client } from 'ldapts'
import t from 'tap'
import { PASSWORD, startTestDemo } from '../support/demo.ts'

const WHO_AM_I = '1.3.6.1.4.1.4203.1.11.3'

interface FoundByLdapJs {
  readonly pojo: {
    readonly objectName: string
    readonly attributes: readonly { readonly type: string; readonly values: readonly string[] }[]
  }
}

type Callback = (error: Error | null, value?: unknown) => void

/** The library's callbacks as promises. */
class LdapJs {
  // biome-ignore lint/suspicious/noExplicitAny: the package brings no types
  readonly #client: any

  constructor(client: unknown) {
    this.#client = client
    // What breaks a connection reaches the call that waits as well.
    this.#client.on('error', () => undefined)
  }

  call(method: 'bind' | 'exop' | 'compare', ...args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const done: Callback = (error, value) => (error === null ? resolve(value) : reject(error))
      this.#client[method](...args, done)
    })
  }

  /** Each entry by attribute, with its DN under `dn`. */
  search(
    base: string,
    options: Readonly<Record<string, unknown>>,
  ): Promise<ReadonlyMap<string, readonly string[]>[]> {
    return new Promise((resolve, reject) => {
      const found: ReadonlyMap<string, readonly string[]>[] = []
      this.#client.search(
        base,
        { scope: 'sub', ...options },
        (error: Error | null, response: NodeJS.EventEmitter) => {
          if (error !== null) return reject(error)
          response.on('searchEntry', ({ pojo }: FoundByLdapJs) => {
            const attributes = pojo.attributes.map(({ type, values }) => [type, values] as const)
            found.push(new Map([...attributes, ['dn', [pojo.objectName]]]))
          })
          response.on('error', reject)
          response.on('end', () => resolve(found))
        },
      )
    })
  }

  destroy(): void {
    this.#client.destroy()
  }
}

const byText = (a: unknown, b: unknown) => (String(a) < String(b) ? -1 : 1)

const demo = await startTestDemo(t)
const { ldap } = demo.facts
const ca = readFileSync(ldap.caFile)
const adele = `uid=adele.vance,${ldap.peopleDn}`
const served = demo.facts.people
  .filter(({ state }) => state !== 'staged')
  .map(({ username }) => username)
  .toSorted(byText)

await t.test('ldapts over StartTLS', async (t) => {
  const client = new Client({ url: ldap.url })
  t.teardown(() => client.unbind())
  await client.startTLS({ ca, host: '127.0.0.1' })

  await t.test('bind, who am I, compare', async (t) => {
    await client.bind(ldap.bindDn, ldap.bindPassword)
    t.equal((await client.exop(WHO_AM_I)).value, `dn:${ldap.bindDn}`)
    t.equal(await client.compare(adele, 'mail', 'ADELE.VANCE@contoso.example'), true)
    t.equal(await client.compare(adele, 'mail', 'somebody.else@contoso.example'), false)
  })

  await t.test('search: one person, and everybody in pages', async (t) => {
    const one = await client.search(ldap.baseDn, {
      filter: '(uid=adele.vance)',
      attributes: ['cn', 'memberOf'],
    })
    t.match(one.searchEntries, [{ dn: adele, cn: 'Adele Vance' }])
    t.ok([one.searchEntries[0]?.['memberOf']].flat().includes(`cn=sales,${ldap.groupsDn}`))
    const names: unknown[] = []
    const sizes: number[] = []
    const pages = client.searchPaginated(ldap.peopleDn, {
      filter: '(objectClass=person)',
      attributes: ['uid'],
      paged: { pageSize: 5 },
    })
    for await (const { searchEntries } of pages) {
      sizes.push(searchEntries.length)
      names.push(...searchEntries.map((entry) => entry['uid']))
    }
    t.same(names.toSorted(byText), served, 'everybody who is served, once')
    t.same(new Set(sizes.slice(0, -1)), new Set([5]))
    const few = { filter: '(objectClass=person)', sizeLimit: 2 }
    const limited = await client.search(ldap.baseDn, few)
    t.equal(limited.searchEntries.length, 2, 'it takes sizeLimitExceeded for an end')
  })

  await t.test('a bind that fails drops the identity before it (RFC 4513 §4)', async (t) => {
    await t.rejects(client.bind(adele, 'wrong'), { code: 49 })
    t.equal((await client.exop(WHO_AM_I)).value ?? '', '')
    await t.rejects(client.search(ldap.baseDn, { filter: '(uid=adele.vance)' }), { code: 50 })
    await client.bind(adele, PASSWORD)
    t.equal((await client.exop(WHO_AM_I)).value, `dn:${adele}`)
  })
})

await t.test('without the CA neither library goes on', async (t) => {
  const client = new Client({ url: ldap.ldapsUrl })
  t.teardown(() => client.unbind())
  await t.rejects(client.bind(ldap.bindDn, ldap.bindPassword), { message: /certificate/ })
})

await t.test('ldapjs over LDAPS', async (t) => {
  const client = new LdapJs(ldapjs.createClient({ url: ldap.ldapsUrl, tlsOptions: { ca } }))
  t.teardown(() => client.destroy())

  await t.test('bind, who am I, compare', async (t) => {
    await client.call('bind', ldap.bindDn, ldap.bindPassword)
    t.equal(await client.call('exop', WHO_AM_I), `dn:${ldap.bindDn}`)
    t.equal(await client.call('compare', adele, 'mail', 'adele.vance@contoso.example'), true)
    await t.rejects(client.call('bind', adele, 'wrong'), { code: 49 })
    await client.call('bind', ldap.bindDn, ldap.bindPassword)
  })

  await t.test('search: attributes asked in any case, and everybody in pages', async (t) => {
    const [person, ...others] = await client.search(ldap.baseDn, {
      filter: '(mail=adele.vance@contoso.example)',
      attributes: ['uidNumber', 'OBJECTCLASS'],
    })
    t.same(others, [])
    t.equal(person?.get('dn')?.[0], adele)
    t.same(person?.get('uidNumber'), ['300000'])
    t.ok(person?.get('objectClass')?.includes('posixAccount'), 'answered as the schema spells it')
    const everybody = await client.search(ldap.peopleDn, {
      filter: '(objectClass=person)',
      attributes: ['uid'],
      paged: { pageSize: 5 },
    })
    t.same(everybody.map((entry) => entry.get('uid')?.[0]).toSorted(byText), served)
  })

  await t.test('nobody there: 32 with the DN that is', async (t) => {
    const missing = client.search(`uid=no.body,${ldap.peopleDn}`, { scope: 'base' })
    await t.rejects(missing, { code: 32, lde_dn: ldap.peopleDn })
  })
})
