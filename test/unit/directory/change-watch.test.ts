import t from 'tap'
import type { Entity } from '../../../src/directory/change.ts'
import { ChangeWatch, type Touched } from '../../../src/directory/change-watch.ts'
import type { Guest } from '../../../src/directory/guest.ts'
import { ReadModel } from '../../../src/directory/read-model.ts'
import { aGuest, aPerson } from '../../support/directory.ts'

/** A watch behind a directory, and what it has told last. */
function watched() {
  const model = new ReadModel()
  const watch = new ChangeWatch({ directory: model, credentials: model, certificates: model })
  const told: Touched[] = []
  watch.onTouched((touched) => told.push(touched))
  let usn = 0
  const apply = (value: Entity) => {
    usn += 1
    const change = { kind: value.kind, id: value.id, value, usn, atMs: usn }
    for (const follower of [model, watch]) follower.apply([change])
    return told.at(-1)?.people
  }
  return { model, watch, apply, told }
}

t.test('guests that come one by one are each looked at, and never all of them again', (t) => {
  const { model, apply } = watched()
  const sponsor = aPerson()
  apply(sponsor)
  let reads = 0
  const guests = Array.from({ length: 400 }, (_, at): Guest => {
    const guest = aGuest({ sponsorId: sponsor.id })
    return Object.defineProperty(guest, 'name', {
      get: () => {
        reads += 1
        return `guest-${at}`
      },
    })
  })
  for (const guest of guests) t.same(apply(guest), [guest.id])
  t.equal(model.versions('guest').size, guests.length)
  t.ok(reads <= 4 * guests.length, `names read ${reads} times`)
  t.equal(apply({ ...sponsor, version: 2 })?.length, 1 + guests.length)
  t.end()
})

t.test('a guest is told of whose name a person takes', (t) => {
  const { apply } = watched()
  const guest = aGuest({ name: 'guest-k7m2q' })
  const person = aPerson()
  for (const value of [guest, aGuest(), person]) apply(value)
  const renamed = aPerson({ id: person.id, no: person.no, version: 2, username: guest.name })
  t.same(apply(renamed), [person.id, guest.id])
  t.end()
})

t.test('what becomes of a sponsor is told of her guests too, and of nobody else’s', (t) => {
  const { watch, apply, told } = watched()
  const sponsor = aPerson()
  const other = aPerson()
  const guest = aGuest({ sponsorId: sponsor.id })
  for (const value of [sponsor, other, guest, aGuest()]) apply(value)
  t.same(apply({ ...sponsor, version: 2 }), [sponsor.id, guest.id])
  t.same(apply({ ...other, version: 2 }), [other.id])
  watch.deny([sponsor.id])
  t.same(told.at(-1)?.people, [sponsor.id, guest.id])

  apply({ ...guest, version: 2, sponsorId: other.id })
  t.same(apply({ ...sponsor, version: 3 }), [sponsor.id])
  t.same(apply({ ...other, version: 3 }), [other.id, guest.id])
  apply({ ...guest, version: 3, sponsorId: other.id, revokedAtMs: 1 })
  t.same(apply({ ...other, version: 4 }), [other.id], 'one that was removed is out already')
  t.end()
})
