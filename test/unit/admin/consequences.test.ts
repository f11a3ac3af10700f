import t from 'tap'
import { readConsequences } from '../../../src/admin/consequences.ts'
import type { AdminParts } from '../../../src/admin/parts.ts'
import type { Person } from '../../../src/directory/person.ts'
import type { Entry } from '../../../src/directory/query.ts'
import { aPerson, aService, MemoryDirectory } from '../../support/directory.ts'

const PEOPLE = Array.from({ length: 100 }, (_, at) => aPerson({ username: `person${at}` }))

await t.test('while many are looked at, log-ins get their turn', async (t) => {
  const directory = new MemoryDirectory(...PEOPLE, aService({ name: 'jira' }))
  const parts = {
    directory: directory.model,
    people: { ties: () => Promise.resolve(new Map()) },
    status: () => ({ baseDn: null }),
  } as unknown as Pick<AdminParts, 'directory' | 'people' | 'status'>
  let turns = 0
  const take = () => {
    turns += 1
    turn = setImmediate(take)
  }
  let turn = setImmediate(take)
  const told = await readConsequences(
    parts,
    PEOPLE.map((person) => directory.entryOf(person) as Entry<Person>),
    { act: 'suspend', username: null },
  )
  clearImmediate(turn)
  t.equal(told.length, PEOPLE.length)
  t.same(told[99]?.loses.ldapClients, ['jira'])
  t.ok(turns >= 4, `${turns} turns`)
})
