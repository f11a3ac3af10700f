import t from 'tap'
import {
  LAG_MS,
  MAX_REPEATS,
  type Push,
  planPushes,
  type Subject,
} from '../../../src/provisioning/desired.ts'

const NOW = 1_000_000_000

function someone(parts: Partial<Subject> = {}): Subject {
  return {
    lifecycle: 'active',
    holds: [],
    ownHold: 'source:one',
    isLinked: true,
    deletedAtMs: null,
    mastered: [],
    kept: [],
    told: { enabled: true },
    pushes: [],
    ...parts,
  }
}

function account(parts: Partial<Push> = {}): Push {
  return {
    attribute: 'enabled',
    status: 'written',
    wanted: false,
    written: false,
    writtenAgeMs: 1_000,
    repeats: 0,
    ...parts,
  }
}

const admin = { reason: 'admin', sinceMs: NOW - 5_000 } as const
const sessions: Push = {
  ...account({ wanted: admin.sinceMs, written: admin.sinceMs }),
  attribute: 'sessions-ended',
}
const writes = (subject: Subject) => planPushes(subject).map(({ write }) => write)

await t.test('only what we decide ourselves is written', async (t) => {
  t.same(writes(someone()), [], 'nobody is enabled whom we have not disabled')
  t.same(writes(someone({ lifecycle: 'staged', holds: [admin] })), [])
  t.same(writes(someone({ isLinked: false, holds: [admin] })), [])
  const own = { reason: 'source:one', sinceMs: NOW } as const
  t.same(writes(someone({ holds: [own] })), [], 'the hold of the source is its own word')
  const other = { reason: 'source:two', sinceMs: NOW - 7 } as const
  t.same(
    writes(someone({ holds: [own, other] })),
    [
      { attribute: 'enabled', value: false },
      { attribute: 'sessions-ended', value: NOW - 7 },
    ],
    'that of another source is not',
  )
})

await t.test('a hold, or a deletion here, disables and ends sessions, once', async (t) => {
  const expected = [
    { attribute: 'enabled', value: false },
    { attribute: 'sessions-ended', value: admin.sinceMs },
  ]
  t.same(writes(someone({ holds: [admin] })), expected)
  t.same(
    writes(someone({ lifecycle: 'deleted', deletedAtMs: admin.sinceMs, pushes: [] })),
    expected,
  )
  t.same(writes(someone({ holds: [admin], pushes: [account(), sessions] })), [])
  const again = { reason: 'security', sinceMs: NOW - 10 } as const
  t.same(
    writes(someone({ holds: [admin, again], pushes: [account(), sessions] })),
    [{ attribute: 'sessions-ended', value: NOW - 10 }],
    'a further hold ends the sessions begun since',
  )
})

await t.test('the last hold lifted enables again what we have disabled', async (t) => {
  t.same(writes(someone({ told: { enabled: false }, pushes: [account(), sessions] })), [
    { attribute: 'enabled', value: true },
  ])
})

await t.test('what may have been written is read before anything is written', async (t) => {
  for (const status of ['sending', 'undecided'] as const) {
    const pushes = [account({ status, written: null, writtenAgeMs: null }), sessions]
    t.match(planPushes(someone({ holds: [admin], pushes })), [{ mustRead: true }])
    t.match(
      planPushes(someone({ pushes })),
      [{ write: { value: true }, mustRead: false }],
      'another value is no repeat, and a lagging read would mislead',
    )
  }
  const refused = [account({ status: 'refused', written: null }), sessions]
  t.match(planPushes(someone({ holds: [admin], pushes: refused })), [{ mustRead: false }])
})

await t.test('what others change there is put right, a few times and not for ever', async (t) => {
  const told = (parts: Partial<Push>) =>
    planPushes(
      someone({ holds: [admin], told: { enabled: true }, pushes: [account(parts), sessions] }),
    )
  t.same(told({ writtenAgeMs: LAG_MS - 1 }), [], 'a replica may not know better yet')
  const longAgo = { writtenAgeMs: LAG_MS }
  t.match(told(longAgo), [{ write: { value: false }, mustRead: true, repeats: 1 }])
  t.match(told({ ...longAgo, repeats: MAX_REPEATS }), [{ repeats: MAX_REPEATS + 1 }])
  t.same(told({ ...longAgo, status: 'contested' }), [], 'it is for an admin then')
  t.match(
    planPushes(someone({ pushes: [account({ ...longAgo, status: 'contested' })] })),
    [{ write: { value: true }, repeats: 0 }],
    'until something else is wanted',
  )
})

await t.test('what is mastered here is written where it differs', async (t) => {
  const title = { attribute: 'jobTitle', value: 'Buyer' } as const
  const phone = { attribute: 'mobilePhone', value: null } as const
  const mastered = [title, phone]
  t.same(writes(someone({ mastered, told: { jobTitle: 'Clerk', mobilePhone: null } })), [title])
  t.same(writes(someone({ mastered, told: { jobTitle: 'Buyer', mobilePhone: '1' } })), [phone])
  t.same(
    writes(someone({ lifecycle: 'staged', mastered, told: {} })),
    [],
    'nothing of people who serve nothing yet',
  )
  const written: Push = {
    ...account({ wanted: 'Buyer', written: 'Buyer', writtenAgeMs: LAG_MS }),
    attribute: 'jobTitle',
  }
  const told = { jobTitle: 'Clerk' }
  t.match(planPushes(someone({ mastered: [title], kept: ['jobTitle'], told, pushes: [written] })), [
    { write: title, mustRead: true, repeats: 1 },
  ])
  t.match(
    planPushes(someone({ mastered: [], told, pushes: [written] })),
    [{ isTheirs: true, mustRead: false }],
    'given back, it is forgotten',
  )
  const undecided = { ...written, status: 'undecided' } as const
  t.match(
    planPushes(someone({ told, pushes: [undecided] })),
    [{ isTheirs: true, mustRead: true }],
    'once no write of ours is under way any more',
  )
})

await t.test('whom the target disables by itself is its to decide', async (t) => {
  const enabled = account({ wanted: true, written: true, writtenAgeMs: LAG_MS })
  const told = { enabled: false }
  t.match(
    planPushes(someone({ told, pushes: [enabled] })),
    [{ mustRead: true, isTheirs: true }],
    'it is looked at, and taken over',
  )
  const own = { reason: 'source:one', sinceMs: NOW } as const
  t.same(
    writes(someone({ told, holds: [own], pushes: [enabled] })),
    [],
    'it is held for it already',
  )
  t.same(
    writes(someone({ told, holds: [own], pushes: [account()] })),
    [],
    'what it had disabled before us is not enabled after us',
  )
  const refused = account({ status: 'refused', written: null, writtenAgeMs: null })
  t.same(writes(someone({ told, pushes: [refused] })), [], 'nor what it never let us disable')
})
