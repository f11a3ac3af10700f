import t from 'tap'
import { compileView, sees } from '../../../src/access/view.ts'
import type { View } from '../../../src/directory/service.ts'
import { aGroup, aPerson, aService, MemoryDirectory } from '../../support/directory.ts'

const [ada, bob, outer, inner, other, wiki] = [
  aPerson(),
  aPerson(),
  aGroup(),
  aGroup(),
  aGroup(),
  aService(),
]
const view: View = { sees: 'groups', groupIds: [outer.id] }

function build(): MemoryDirectory {
  const directory = new MemoryDirectory(ada, bob, outer, inner, other, wiki)
  directory.join(outer, inner)
  directory.join(inner, ada)
  directory.join(other, bob)
  return directory
}

t.test('a view of groups shows their people and the groups within, nobody else', async (t) => {
  const directory = build()
  const shown = [ada, bob, outer, inner, other, wiki].map((one) =>
    sees(directory.model, view, directory.entryOf(one)),
  )
  t.same(shown, [true, false, true, true, false, false])
})

t.test('a view of all shows everybody but the services', async (t) => {
  const directory = build()
  const shown = [ada, bob, other, wiki].map((one) =>
    sees(directory.model, { sees: 'all' }, directory.entryOf(one)),
  )
  t.same(shown, [true, true, true, false])
})

t.test('a view of no group shows nobody', async (t) => {
  const directory = build()
  t.notOk(sees(directory.model, { sees: 'groups', groupIds: [] }, directory.entryOf(ada)))
})

t.test(
  'a view follows the directory: members leave, groups go, come back and appear',
  async (t) => {
    const directory = build()
    const compiled = compileView(directory.model, view)
    t.equal(compileView(directory.model, view), compiled, 'compiled once')
    directory.leave(inner, ada)
    t.notOk(compiled.sees(directory.entryOf(ada)))
    directory.join(outer, ada)
    t.ok(compiled.sees(directory.entryOf(ada)))
    directory.put({ ...outer, lifecycle: 'deleted' })
    t.notOk(compiled.sees(directory.entryOf(ada)))
    t.notOk(compiled.sees(directory.entryOf(inner)))
    directory.put(outer)
    t.ok(compiled.sees(directory.entryOf(ada)))

    const late = aGroup()
    const early = compileView(directory.model, { sees: 'groups', groupIds: [late.id] })
    t.notOk(early.sees(directory.entryOf(bob)))
    t.same([...directory.model.search(early.query())], [])
    directory.put(late)
    directory.join(late, bob)
    t.ok(early.sees(directory.entryOf(bob)))
    t.same(
      [...directory.model.search(early.query())].map((entry) => entry.no),
      [bob.no, late.no],
    )
  },
)

t.test("a view's query finds exactly those it shows", async (t) => {
  const directory = build()
  for (const one of [view, { sees: 'all' }, { sees: 'groups', groupIds: [] }] as const) {
    const compiled = compileView(directory.model, one)
    const shown = [...directory.model.search({ op: 'always' })].filter((e) => compiled.sees(e))
    t.same([...directory.model.search(compiled.query())], shown, JSON.stringify(one))
  }
})
