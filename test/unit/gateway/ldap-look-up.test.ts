import t from 'tap'
import {
  aGroup,
  aHold,
  aPerson,
  aService,
  MemoryDirectory,
  someSettings,
} from '../../support/directory.ts'
import { BASE, type Conversation, startGateway } from '../../support/ldap-gateway.ts'

const ada = aPerson({ username: 'ada', mail: 'Ada@contoso.example', department: 'Engines' })
const bob = aPerson({ username: 'Bob', department: 'Engines', jobTitle: null })
const hal = aPerson({ username: 'hal', holds: [aHold()] })
const stacy = aPerson({ username: 'stacy', lifecycle: 'staged' })
const engines = aGroup({ name: 'engines' })
const nss = aService({ name: 'nss' })
const narrow = aService({ name: 'narrow', view: { sees: 'groups', groupIds: [engines.id] } })

function contoso(): MemoryDirectory {
  const people = [ada, bob, hal, stacy]
  const directory = new MemoryDirectory(someSettings(), nss, narrow, ...people, engines)
  directory.join(engines, ada)
  return directory
}

const values = [
  ...['ada', 'ADA', ' ada ', 'bob', 'hal', 'stacy', 'nss', 'nobody', '', 'é', '\\ff', 'engines'],
  ...['ada@contoso.example', 'Engines', 'Person', ada.id, `${ada.uidNumber}`, `0${ada.uidNumber}`],
  ...['-1', '1e3', '99999999999'],
]
const attributes = ['uid', 'mail', 'departmentNumber', 'title', 'givenName', 'entryUUID']
const names = [
  ...attributes,
  'uidNumber',
  'gidNumber',
  'cn',
  'sn',
  'ou',
  'objectClass',
  'x-unknown',
]

const asked = ['uid', 'cn', 'mail']

for (const client of [nss, narrow, ada]) {
  const who = client.kind === 'person' ? client.username : client.name
  await t.test(`as ${who}: asked again in the same way, a search gives what it gave`, async (t) => {
    const { as } = startGateway(contoso().model)
    const repeating = await as(client)
    let entries = 0
    for (const base of [`ou=people,${BASE}`, `ou=groups,${BASE}`]) {
      for (const filter of names.flatMap((name) => values.map((value) => `(${name}=${value})`))) {
        const first = await search(await as(client), filter, base)
        t.strictSame(await search(repeating, filter, base), first, `${filter} below ${base}`)
        entries += first.entries.length
      }
    }
    t.ok(entries > 3)
  })
}

await t.test('a search asked again sees what has changed since', async (t) => {
  const directory = contoso()
  const { as } = startGateway(directory.model)
  const conversation = await as(narrow)
  const found = async () => {
    const { entries } = await search(conversation, '(uid=bob)', `ou=people,${BASE}`)
    return entries.map(({ dn }) => dn)
  }
  t.strictSame(await found(), [])
  directory.join(engines, bob)
  t.strictSame(await found(), [`uid=Bob,ou=people,${BASE}`])
  directory.change(bob, { username: 'bob2' })
  t.strictSame(await found(), [])
  directory.change(bob, { username: 'bob' })
  t.strictSame(await found(), [`uid=bob,ou=people,${BASE}`])
  directory.leave(engines, bob)
  t.strictSame(await found(), [])
  directory.change(narrow, { view: { sees: 'all' } })
  t.strictSame(await found(), [`uid=bob,ou=people,${BASE}`])
  directory.change(narrow, { holds: [aHold()] })
  const { outcome } = await search(conversation, '(uid=bob)', `ou=people,${BASE}`)
  t.equal(outcome.code, 50)
})

/** With one list of attributes for all, as the decoder gives it. */
async function search(conversation: Conversation, filter: string, baseObject: string) {
  return await conversation.search(filter, { baseObject, attributes: asked })
}
