import fc from 'fast-check'
import t, { type Test } from 'tap'
import {
  applyRandomChanges,
  type Microsoft365,
  parseFaultRule,
} from '../../simulators/microsoft365/index.ts'
import { DEFAULT_SCOPE, type ImportScope } from '../../src/sources/judge-people.ts'
import { SourceError } from '../../src/sources/source.ts'
import { SyncEngine } from '../../src/sources/sync.ts'
import type { Database } from '../../src/storage/connection.ts'
import { PostgresImportStore } from '../../src/storage/import-store.ts'
import { Crasher } from '../support/crash.ts'
import { testDatabase } from '../support/database.ts'
import {
  approveAll,
  connect,
  imageOfDirectory,
  never,
  type Rig,
  TESTER,
  testTenant,
} from '../support/sync.ts'
import { imageOfTenant } from '../support/sync-truth.ts'
import { RemovalWatch } from '../support/sync-watch.ts'
import { changeGroups, deletePeople } from '../support/tenant-history.ts'

const PEOPLE = 60
const HISTORIES = Number(process.env['GATEHOUSE_SYNC_HISTORIES'] ?? 5)
const SEED = Number(process.env['GATEHOUSE_SYNC_SEED'] ?? Date.now() % 0x7fffffff)
const HOUR_MS = 3_600_000

type FaultRequest = Record<string, unknown>

type Step =
  | { readonly do: 'change'; readonly count: number; readonly seed: number }
  | { readonly do: 'groups'; readonly count: number; readonly seed: number }
  | { readonly do: 'dismiss'; readonly count: number; readonly seed: number }
  | { readonly do: 'wait'; readonly hours: number }
  | SyncStep

interface SyncStep {
  readonly do: 'sync'
  readonly faults: readonly FaultRequest[]
  readonly shaping: Readonly<Record<string, unknown>>
  readonly crash: { readonly statements: number; readonly isAfter: boolean } | null
  readonly isFull: boolean
}

const seed = fc.nat(1_000_000)
const times = fc.integer({ min: 1, max: 3 })
const skip = fc.nat(4)

const fault: fc.Arbitrary<FaultRequest> = fc.oneof(
  fc.record({
    fault: fc.constant('status' as const),
    status: fc.constantFrom(429, 503, 504),
    times,
    skip,
    retryAfterSeconds: fc.constantFrom(null, 1, 2),
    retryAfterForm: fc.constantFrom('seconds' as const, 'http-date' as const),
  }),
  fc.record({ fault: fc.constant('gone' as const), times: fc.constant(1), skip }),
  fc.record({ fault: fc.constant('sync-state-not-found' as const), times: fc.constant(1) }),
  fc.record({ fault: fc.constant('page-token-expired' as const), times: fc.constant(1), skip }),
  fc.record({
    fault: fc.constantFrom(
      'truncated-json' as const,
      'captive-portal' as const,
      'reset' as const,
      'wrong-content-type' as const,
    ),
    path: fc.constant('delta'),
    times,
    skip,
  }),
  fc.record({
    fault: fc.constantFrom('empty' as const, 'gzip' as const, 'next-link-loop' as const),
    path: fc.constant('delta'),
    times: fc.constant(1),
    skip,
  }),
)

const shaping = fc.record({
  deltaPageSize: fc.integer({ min: 3, max: 40 }),
  deltaPageMembers: fc.integer({ min: 5, max: 60 }),
  memberSlice: fc.constantFrom(0, 3, 10),
  replicas: fc.integer({ min: 1, max: 3 }),
  lagMs: fc.constantFrom(0, 0, HOUR_MS),
  replays: fc.nat(4),
  duplicates: fc.constantFrom(0, 0.3),
  isShuffled: fc.boolean(),
  emptyPages: fc.constantFrom(0, 0.3),
  initialRemoved: fc.constantFrom(0, 0.5, 1),
})

const syncStep: fc.Arbitrary<SyncStep> = fc.record({
  do: fc.constant('sync' as const),
  faults: fc.array(fault, { maxLength: 2 }),
  shaping,
  crash: fc.option(fc.record({ statements: fc.nat(150), isAfter: fc.boolean() }), { freq: 2 }),
  isFull: fc.boolean().map((yes) => yes && SEED % 3 === 0),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      count: fc.integer({ min: 1, max: 30 }),
      seed,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('groups' as const),
      count: fc.integer({ min: 1, max: 12 }),
      seed,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('dismiss' as const),
      count: fc.integer({ min: 1, max: 15 }),
      seed,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait' as const), hours: fc.constantFrom(1, 30, 200) }),
  },
  { weight: 5, arbitrary: syncStep },
)

/** Half of the histories have everybody come by a rule, through the candidates: the end is the same. */
async function live(
  t: Test,
  steps: readonly Step[],
  options: { readonly founding: number; readonly isByRule: boolean },
): Promise<void> {
  const { founding, isByRule } = options
  const db = await testDatabase(t)
  const tenant = await testTenant(t, { people: PEOPLE, groups: 20, seed: founding })
  const scope: ImportScope = { ...DEFAULT_SCOPE, policy: isByRule ? 'chosen' : 'everybody' }
  const rig = { ...(await connect(tenant, db, scope)), scope }
  if (isByRule) await takeMembersByRule(db, rig.sourceId)
  const watch = new RemovalWatch(db, rig.sourceId)
  const crasher = new Crasher(db)
  for (const [at, each] of steps.entries()) {
    if (each.do === 'sync') await synchronise(rig, { tenant, crasher, step: each })
    else act(tenant, apart(each, at))
    t.same(await watch.excess(), [], 'no more was removed than the window allows')
  }
  const hasLied = steps.some((each) => each.do === 'sync' && each.faults.some(isLie))
  await comeToRest(tenant, rig, { isFull: hasLied })
  const [ours, theirs] = [await imageOfDirectory(db, rig.sourceId), imageOfTenant(tenant)]
  t.same(ours.people, theirs.people, 'people are those of the tenant')
  t.same(ours.groups, theirs.groups, 'groups are those of the tenant')
}

async function takeMembersByRule(db: Database, sourceId: string): Promise<void> {
  const imports = new PostgresImportStore(db)
  await imports.setPolicy(sourceId, 'chosen', TESTER)
  await imports.addRule(sourceId, { filter: { guest: false }, action: 'stage' }, TESTER)
}

interface ScopedRig extends Rig {
  readonly scope: ImportScope
}

/** Two steps may be given one seed, which would make the same objects twice. */
function apart<Acting extends Exclude<Step, SyncStep>>(step: Acting, at: number): Acting {
  return 'seed' in step ? { ...step, seed: step.seed + at * 1_000_001 } : step
}

function act(tenant: Microsoft365, step: Exclude<Step, SyncStep>): void {
  if (step.do === 'wait') tenant.advance(step.hours * HOUR_MS)
  else if (step.do === 'change')
    applyRandomChanges(tenant.tenant, { count: step.count, seed: String(step.seed) })
  else if (step.do === 'groups') changeGroups(tenant.tenant, step)
  else deletePeople(tenant.tenant, step)
}

/** A run under the step's faults; what a fault or a crash leaves behind is for the next one. */
async function synchronise(
  rig: ScopedRig,
  parts: { readonly tenant: Microsoft365; readonly crasher: Crasher; readonly step: SyncStep },
): Promise<void> {
  const { tenant, crasher, step } = parts
  tenant.settings.change({ shaping: step.shaping })
  for (const each of step.faults) tenant.faults.add(parseFaultRule(each))
  if (step.crash) crasher.arm(step.crash.statements, step.crash)
  try {
    await freshEngine(rig).run({ signal: never, isFull: step.isFull })
  } catch (error) {
    const isCrash = crasher.restart()
    if (!isCrash && !(error instanceof SourceError)) throw error
  } finally {
    crasher.restart()
    tenant.faults.clear()
  }
}

/** As after a restart: nothing is remembered but what is in the database. */
function freshEngine({ source, store, sourceId, scope }: ScopedRig): SyncEngine {
  return new SyncEngine({ source, store, sourceId, scope })
}

/** An end in place of a page loses what would have come after it, and says nothing of it. */
function isLie(rule: FaultRequest): boolean {
  return rule['fault'] === 'empty'
}

/** A quiet day: no faults, every replica caught up, and an admin who has looked at what waits. */
async function comeToRest(
  tenant: Microsoft365,
  rig: ScopedRig,
  options: { readonly isFull: boolean },
): Promise<void> {
  tenant.settings.reset()
  tenant.advance(2 * HOUR_MS)
  const engine = freshEngine(rig)
  await engine.run({ signal: never, ...options })
  const { state } = await rig.store.readState(rig.sourceId)
  if (state === 'quarantined') await engine.run({ signal: never, isFull: true })
  await approveAll(rig.registry, rig.sourceId)
  await engine.run({ signal: never })
}

await t.test(
  `sync: any history ends with the directory equal to the tenant (seed ${SEED})`,
  async (t) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 6, maxLength: 14 }),
        seed,
        fc.boolean(),
        async (steps, founding, isByRule) => {
          await t.test('a history', { buffered: true }, async (t) => {
            await live(t, steps, { founding, isByRule })
          })
          if (!t.passing()) throw new Error('this history went wrong')
        },
      ),
      { numRuns: HISTORIES, seed: SEED, endOnFailure: true },
    )
  },
)
