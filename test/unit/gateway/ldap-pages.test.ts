import t from 'tap'
import {
  decodePagedResults,
  encodePagedResults,
  type Outcome,
  ResultCode,
  type SearchRequest,
} from '../../../protocols/ldap/index.ts'
import {
  aGroup,
  aPerson,
  aService,
  MemoryDirectory,
  someSettings,
} from '../../support/directory.ts'
import { BASE, type Conversation, startGateway } from '../../support/ldap-gateway.ts'

const PEOPLE = 300
const nss = aService({ name: 'nss' })
const other = aService({ name: 'other' })
const people = Array.from({ length: PEOPLE }, (_, at) =>
  aPerson({ username: `user${String(at).padStart(3, '0')}` }),
)
const everybody = people.map(({ username }) => `uid=${username},ou=people,${BASE}`)
const empty = Buffer.alloc(0)

function contoso(): MemoryDirectory {
  return new MemoryDirectory(someSettings(), nss, other, ...people)
}

interface Page {
  readonly dns: readonly string[]
  readonly cookie: Buffer
  readonly code: number
}

async function page(
  by: Conversation,
  paged: { readonly size: number; readonly cookie: Buffer },
  overrides: Partial<SearchRequest> = {},
): Promise<Page> {
  const request = { attributes: ['uid'], ...overrides }
  const { entries, outcome } = await by.search('(uid=user*)', request, {
    controls: [{ ...encodePagedResults(paged), isCritical: true }],
  })
  return { dns: entries.map(({ dn }) => dn), cookie: cookieOf(outcome), code: outcome.code }
}

function cookieOf(outcome: Outcome): Buffer {
  const [control] = outcome.controls ?? []
  return control === undefined ? empty : decodePagedResults(control).cookie
}

async function allPages(by: Conversation, size: number): Promise<Page[]> {
  const pages = [await page(by, { size, cookie: empty })]
  for (let last = pages[0]; last !== undefined && last.cookie.length > 0; last = pages.at(-1)) {
    pages.push(await page(by, { size, cookie: last.cookie }))
  }
  return pages
}

await t.test(
  'paged results: RFC 2696, every entry once, and the last page knows that it is',
  async (t) => {
    const one = await startGateway(contoso().model).as(nss)
    for (const [size, sizes] of [
      [126, [126, 126, 48]],
      [100, [100, 100, 100]],
      [300, [300]],
      [299, [299, 1]],
      [1_000, [300]],
    ] as const) {
      const pages = await allPages(one, size)
      t.same(
        pages.map(({ dns }) => dns.length),
        sizes,
      )
      t.same(
        pages.flatMap(({ dns }) => dns),
        everybody,
      )
    }
  },
)

await t.test('paged results: containers are part of the sequence', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  const names: string[] = []
  let cookie: Buffer = empty
  do {
    const { entries, outcome } = await one.search(
      '(objectClass=*)',
      { attributes: ['1.1'] },
      { controls: [encodePagedResults({ size: 4, cookie })] },
    )
    t.ok(entries.length <= 4)
    names.push(...entries.map(({ dn }) => dn))
    cookie = cookieOf(outcome)
  } while (cookie.length > 0)
  t.equal(names.length, 6 + PEOPLE + 1)
  t.equal(new Set(names).size, names.length)
})

await t.test(
  'paged results: changes between pages neither double nor lose an entry that stays',
  async (t) => {
    const directory = contoso()
    const one = await startGateway(directory.model).as(nss)
    const first = await page(one, { size: 100, cookie: empty })
    for (const person of people.slice(50, 150)) directory.purge(person)
    const [moved] = people.slice(-1)
    if (moved !== undefined) directory.change(moved, { displayName: 'Somebody Else' })
    directory.put(aPerson({ username: 'user999' }))
    const second = await page(one, { size: 1_000, cookie: first.cookie })
    t.same(second.dns, [...everybody.slice(150), `uid=user999,ou=people,${BASE}`])
  },
)

await t.test(
  'paged results: a cookie fits only its search, its viewer and its epoch',
  async (t) => {
    const directory = contoso()
    const { as, anyone } = startGateway(directory.model)
    const one = await as(nss)
    const { cookie } = await page(one, { size: 10, cookie: empty })
    t.equal(
      (await page(await as(nss), { size: 5, cookie })).dns.length,
      5,
      'another connection, another size',
    )
    const refused = ResultCode.unwillingToPerform
    const paged = { size: 10, cookie }
    t.equal((await page(one, paged, { attributes: ['cn'] })).code, refused)
    t.equal((await page(one, paged, { scope: 'one' })).code, refused)
    t.equal((await page(one, paged, { baseObject: `ou=people,${BASE}` })).code, refused)
    t.equal((await page(await as(other), paged)).code, refused)
    t.equal((await page(anyone(), paged)).code, ResultCode.insufficientAccessRights)
    for (let at = 0; at < cookie.length; at++) {
      const forged = Buffer.from(cookie)
      forged[at] = (forged[at] ?? 0) ^ 1
      const { code, dns } = await page(one, { size: 10, cookie: forged })
      if (code !== refused || dns.length > 0) t.ok(false, `byte ${at} of the cookie is not covered`)
    }
    t.equal((await page(one, { size: 10, cookie: cookie.subarray(1) })).code, refused)
    t.equal((await page(one, { size: 10, cookie: Buffer.from('x') })).code, refused)
    directory.model.reached({ ...directory.model.position, epoch: 'restored' })
    t.equal((await page(one, paged)).code, refused)
  },
)

await t.test(
  'paged results: daemons with one key take each other’s cookies, others do not',
  async (t) => {
    const { model } = contoso()
    const cookieKey = Buffer.alloc(32, 7)
    const first = await startGateway(model, { cookieKey }).as(nss)
    const { cookie } = await page(first, { size: 299, cookie: empty })
    const second = await startGateway(model, { cookieKey }).as(nss)
    t.same((await page(second, { size: 10, cookie })).dns, everybody.slice(-1))
    const third = await startGateway(model).as(nss)
    t.equal((await page(third, { size: 10, cookie })).code, ResultCode.unwillingToPerform)
  },
)

await t.test('paged results: RFC 2696 §3, size 0 gives the sequence up', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  const { cookie } = await page(one, { size: 10, cookie: empty })
  t.same(await page(one, { size: 0, cookie }), { dns: [], cookie: empty, code: ResultCode.success })
})

await t.test('paged results: a damaged control fails the search', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  const control = { ...encodePagedResults({ size: 1, cookie: empty }), value: Buffer.from('x') }
  const { outcome } = await one.search('(uid=*)', {}, { controls: [control] })
  t.equal(outcome.code, ResultCode.protocolError)
})

await t.test('paged results: the root DSE is a page of one', async (t) => {
  const one = startGateway(contoso().model).anyone()
  const { entries, outcome } = await one.search(
    '(objectClass=*)',
    { baseObject: '', scope: 'base' },
    { controls: [encodePagedResults({ size: 10, cookie: empty })] },
  )
  t.equal(entries.length, 1)
  t.equal(outcome.controls?.length, 1)
  t.same(cookieOf(outcome), empty)
})

await t.test(
  'size limit: RFC 4511 §4.5.1.4, what fits, then 4; nothing when all fit',
  async (t) => {
    const one = await startGateway(contoso().model).as(nss)
    const ask = async (sizeLimit: number) => {
      const { entries, outcome } = await one.search('(uid=user*)', { sizeLimit })
      return [entries.length, outcome.code]
    }
    t.same(await ask(2), [2, ResultCode.sizeLimitExceeded])
    t.same(await ask(299), [299, ResultCode.sizeLimitExceeded])
    t.same(await ask(300), [300, ResultCode.success])
    t.same(await ask(0), [300, ResultCode.success])
  },
)

await t.test('size limit: counts over all the pages', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  const request = { sizeLimit: 15 }
  const first = await page(one, { size: 10, cookie: empty }, request)
  t.equal(first.dns.length, 10)
  const second = await page(one, { size: 10, cookie: first.cookie }, request)
  t.same([second.dns.length, second.code], [5, ResultCode.sizeLimitExceeded])
})

await t.test('time limit: a search that lasts longer ends with 3', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  const onPause = () => {
    const endMs = performance.now() + 120
    while (performance.now() < endMs);
  }
  const { entries, outcome } = await one.search(
    '(uid=user*)',
    { timeLimit: 1 },
    { pace: { questionsATurn: 10, onPause } },
  )
  t.equal(outcome.code, ResultCode.timeLimitExceeded)
  t.ok(entries.length >= 10 && entries.length < PEOPLE, `${entries.length} entries`)
})

await t.test('pauses: a search in turns finds the same, whatever their length', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  for (const questionsATurn of [1, 2, 7, 100]) {
    for (const filter of ['(objectClass=*)', '(&(uid=user*)(!(uid=*5*)))', '(homeDirectory=*9)']) {
      const { entries, outcome } = await one.search(filter, {}, { pace: { questionsATurn } })
      t.equal(outcome.code, ResultCode.success)
      t.same(entries, (await one.search(filter)).entries, `${filter} by ${questionsATurn}`)
    }
  }
})

await t.test('a group of 12,000 members is one answer of every one of them', async (t) => {
  const group = aGroup({ name: 'all' })
  const many = Array.from({ length: 12_000 }, () => aPerson())
  const directory = new MemoryDirectory(someSettings(), nss, group, ...many)
  directory.join(group, ...many)
  const one = await startGateway(directory.model).as(nss)
  const { attributes } = await one.only('(cn=all)')
  t.equal(attributes.member?.length, 12_000)
  t.equal(attributes.memberUid?.length, 12_000)
  t.equal(attributes.member?.[11_999], `uid=${many[11_999]?.username},ou=people,${BASE}`)
})
