import t from 'tap'
import {
  applyRandomChanges,
  dumpTruth,
  parseFaultRule,
} from '../../simulators/microsoft365/index.ts'
import { Microsoft365Bench } from '../support/microsoft365.ts'
import { DeltaMirror } from '../support/microsoft365-mirror.ts'

const LAG_MS = 120_000
const STRANGE_DAY = {
  deltaPageSize: 20,
  memberSlice: 6,
  replicas: 3,
  lagMs: LAG_MS,
  replays: 4,
  duplicates: 0.2,
  isShuffled: true,
  emptyPages: 0.3,
  initialRemoved: 0.5,
}

/** What a mirror should hold: living users, and groups with members that live. */
function expected(bench: Microsoft365Bench): object {
  const { users, groups } = dumpTruth(bench.simulator.tenant, null)
  return {
    users: new Map(
      users.map(({ id, properties }) => [
        id,
        ['displayName', 'department', 'mobilePhone'].map((name) => properties[name] ?? null),
      ]),
    ),
    groups: new Map(
      groups.map(({ id, properties, members }) => [
        id,
        [
          properties['displayName'],
          members.map((member) => member.id).toSorted((a, b) => (a < b ? -1 : 1)),
        ],
      ]),
    ),
  }
}

function held(mirror: DeltaMirror): object {
  return {
    users: new Map(
      [...mirror.users].map(([id, values]) => [
        id,
        ['displayName', 'department', 'mobilePhone'].map((name) => values[name] ?? null),
      ]),
    ),
    groups: new Map(
      [...mirror.groups].map(([id, { name, members }]) => [
        id,
        [name, [...members].toSorted((a, b) => (a < b ? -1 : 1))],
      ]),
    ),
  }
}

/** Busy days keep the token back for long; on quiet ones it goes on while replicas still disagree. */
const DAYS = [
  { seed: 'a', rounds: 12, changes: 40 },
  { seed: 'b', rounds: 12, changes: 40 },
  { seed: 'c', rounds: 60, changes: 2 },
  { seed: 'd', rounds: 60, changes: 3 },
]

for (const { seed, rounds, changes } of DAYS) {
  await t.test(
    `seed ${seed}: whatever the faults, a client that keeps the rules ends up with the tenant`,
    async (t) => {
      const bench = await Microsoft365Bench.start({
        people: 120,
        groups: 30,
        seed,
        permissions: ['User.Read.All', 'Directory.Read.All', 'Member.Read.Hidden'],
      })
      t.teardown(() => bench.stop())
      const { simulator } = bench
      simulator.settings.change({ shaping: STRANGE_DAY })
      for (const rule of [
        { fault: 'status', status: 429, probability: 0.05 },
        { fault: 'status', status: 503, probability: 0.05 },
        { fault: 'truncated-json', probability: 0.05 },
        { fault: 'captive-portal', probability: 0.03 },
        { fault: 'reset', probability: 0.03 },
        { fault: 'gone', probability: 0.02 },
        { fault: 'sync-state-not-found', probability: 0.05 },
      ])
        simulator.faults.add(parseFaultRule(rule))
      const mirror = new DeltaMirror(bench)
      for (let round = 0; round < rounds; round++) {
        await mirror.sync()
        applyRandomChanges(simulator.tenant, { count: changes, seed: `${seed} ${round}` })
        simulator.advance(LAG_MS / 4)
      }
      simulator.advance(LAG_MS)
      simulator.faults.clear()
      await mirror.sync()
      t.same(held(mirror), expected(bench))
      t.ok(simulator.requests.list().some(({ faults }) => faults.includes('status')))
    },
  )
}
