import t from 'tap'
import { VirtualClock } from '../../../simulators/microsoft365/clock.ts'
import { GOOD_DAY, type Shaping } from '../../../simulators/microsoft365/faults/shaping.ts'
import { type Plan, planRound } from '../../../simulators/microsoft365/graph/delta-plan.ts'
import type { Round } from '../../../simulators/microsoft365/graph/delta-token.ts'
import { nextSince, replicaView } from '../../../simulators/microsoft365/graph/replica.ts'
import type { View } from '../../../simulators/microsoft365/tenant/record.ts'
import type { Tenant } from '../../../simulators/microsoft365/tenant/tenant.ts'
import { foundTestTenant } from '../../support/microsoft365-tenant.ts'

function makeRound(tenant: Tenant, changes: Partial<Round> = {}): Round {
  return {
    kind: 'user',
    since: null,
    until: tenant.head,
    readAtMs: 0,
    replica: 0,
    lagMs: 0,
    salt: 1,
    select: ['displayName', 'members'],
    filterIds: null,
    isMinimal: false,
    ...changes,
  }
}

function plan(
  tenant: Tenant,
  round: Round,
  options: { view?: View; shaping?: Partial<Shaping> } = {},
): Plan {
  const view = options.view ?? replicaView(tenant, round)
  const shaping = { ...GOOD_DAY, ...options.shaping }
  return planRound({ tenant, round, view, shaping, canSeeHidden: true })
}

function ids(plan: Plan): string[] {
  return plan.pages.flat().map(({ record }) => record.id)
}

await t.test(
  'an old value is not replayed: the reader would never hear of the new one again',
  async (t) => {
    const tenant = foundTestTenant({ people: 15, groups: 0 })
    const adele = tenant.findUser('adele.vance@contoso.example')?.id ?? ''
    tenant.update(adele, { displayName: 'Adele New' })
    const round = makeRound(tenant, { since: tenant.head })
    const shaping = { replays: 500 }
    t.ok(ids(plan(tenant, round, { shaping })).includes(adele))
    const behind = { sees: (seq: number) => seq === 0 }
    const told = ids(plan(tenant, round, { shaping, view: behind }))
    t.ok(told.length > 0)
    t.notOk(told.includes(adele))
  },
)

await t.test('a group that came back tells who left it within the span, too', async (t) => {
  const tenant = foundTestTenant({ people: 15, groups: 0 })
  const sales = tenant.findGroup('Sales')?.id ?? ''
  const adele = tenant.findUser('adele.vance@contoso.example')?.id ?? ''
  tenant.removeMembers(sales, [adele])
  tenant.delete(sales)
  tenant.restore(sales)
  const { pages } = plan(tenant, makeRound(tenant, { kind: 'group', since: 0 }))
  const members = pages.flat().find(({ record }) => record.id === sales)?.members
  t.same(
    members?.find(({ id }) => id === adele),
    { id: adele, isMember: false },
  )
  t.ok(members?.some(({ isMember }) => isMember))
})

await t.test('the same round has the same plan, with any shaping', async (t) => {
  const tenant = foundTestTenant({ people: 300, groups: 40 })
  const shaping = {
    memberSlice: 5,
    duplicates: 0.3,
    isShuffled: true,
    emptyPages: 0.4,
    deltaPageSize: 25,
  }
  const round = makeRound(tenant, { kind: 'group' })
  const dump = ({ pages }: Plan): object =>
    pages.map((page) => page.map(({ record, members }) => [record.id, members]))
  t.same(dump(plan(tenant, round, { shaping })), dump(plan(tenant, round, { shaping })))
  t.ok(plan(tenant, round, { shaping }).pages.every((page) => page.length <= 25))
})

await t.test(
  'a page holds no more members than it may, unless one slice alone is larger',
  async (t) => {
    const tenant = foundTestTenant({ people: 700, groups: 60 })
    const { pages } = plan(tenant, makeRound(tenant, { kind: 'group' }), {
      shaping: { deltaPageMembers: 100 },
    })
    const sizes = pages.map((page) => page.reduce((sum, { members }) => sum + members.length, 0))
    t.ok(sizes.length > 10)
    t.ok(Math.max(...sizes) <= 100)
  },
)

await t.test(
  'the next round begins before the oldest change that a replica has not seen',
  async (t) => {
    let nowMs = 0
    const clock = new VirtualClock(() => nowMs)
    const tenant = foundTestTenant({ people: 15, groups: 0, clock })
    const adele = tenant.findUser('adele.vance@contoso.example')?.id ?? ''
    for (nowMs = 1_000; nowMs <= 20_000; nowMs += 1_000)
      tenant.update(adele, { jobTitle: String(nowMs) })
    const position = { until: tenant.head, readAtMs: 21_000, replica: 1, lagMs: 10_000 }
    const view = replicaView(tenant, position)
    const unseen = Array.from({ length: 20 }, (_, at) => at + 1).filter((seq) => !view.sees(seq))
    t.ok(unseen.length > 0 && unseen.length < 20)
    t.equal(nextSince(tenant, position), (unseen[0] ?? 0) - 1)
    t.equal(nextSince(tenant, { ...position, readAtMs: 31_000 }), 20)
  },
)
