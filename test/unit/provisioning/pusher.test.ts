import t from 'tap'
import { LAG_MS, MAX_REPEATS, type Push, type Subject } from '../../../src/provisioning/desired.ts'
import type { Begun, Claim, PushStore, Settled } from '../../../src/provisioning/push-store.ts'
import { Pusher } from '../../../src/provisioning/pusher.ts'
import type { Held, Target, Write, WriteAnswer } from '../../../src/provisioning/target.ts'

const HELD_SINCE = 1_000

/** One person in memory; what happens is written down in the order in which it does. */
class Stage implements PushStore, Target {
  readonly said: string[] = []
  readonly settled: Settled[] = []
  holds: Subject['holds'] = [{ reason: 'admin', sinceMs: HELD_SINCE }]
  pushes: Push[] = []
  held: Held | null = { enabled: true, sessionsEndedMs: null, attributes: {} }
  begun: Begun = 'begun'
  releasedInMs: number | null | undefined
  answer: () => WriteAnswer = () => ({ kind: 'written' })
  #isDue = true

  markChanged(): Promise<boolean> {
    return Promise.resolve(false)
  }

  claim(): Promise<readonly Claim[]> {
    const isDue = this.#isDue
    this.#isDue = false
    const subject: Subject = {
      lifecycle: 'active',
      holds: this.holds,
      ownHold: 'source:one',
      isLinked: true,
      deletedAtMs: null,
      mastered: [],
      kept: [],
      told: { enabled: true },
      pushes: this.pushes,
    }
    const claim = { id: 'c', sourceId: 'one', principalId: 'p', externalId: 'x', mark: 1 }
    return Promise.resolve(isDue ? [{ ...claim, attempts: 1, subject }] : [])
  }

  begin(_claim: Claim, { write }: { write: Write }): Promise<Begun> {
    this.said.push(`begin ${write.attribute}`)
    return Promise.resolve(this.begun)
  }

  settle(_claim: Claim, { write }: { write: Write }, settled: Settled): Promise<void> {
    this.said.push(`${settled.status} ${write.attribute}`)
    this.settled.push(settled)
    return Promise.resolve()
  }

  giveBack(_claim: Claim, { write }: { write: Write }): Promise<void> {
    this.said.push(`give back ${write.attribute}`)
    return Promise.resolve()
  }

  release(_claim: Claim, againInMs: number | null): Promise<void> {
    this.releasedInMs = againInMs
    return Promise.resolve()
  }

  read(): Promise<Held | null> {
    this.said.push('read')
    return Promise.resolve(this.held)
  }

  write(_externalId: string, { attribute }: Write): Promise<WriteAnswer> {
    this.said.push(`write ${attribute}`)
    return new Promise((resolve) => resolve(this.answer()))
  }
}

function pusherOf(stage: Stage, parts: Partial<ConstructorParameters<typeof Pusher>[0]> = {}) {
  return new Pusher({
    sourceId: 'one',
    store: stage,
    target: stage,
    isLeader: () => true,
    usn: () => 1,
    ...parts,
  })
}

const undecided: Push = {
  attribute: 'enabled',
  status: 'undecided',
  wanted: false,
  written: null,
  writtenAgeMs: null,
  repeats: 0,
}

await t.test('the account comes first, then its sessions', async (t) => {
  const stage = new Stage()
  await pusherOf(stage).pushAll()
  t.same(stage.said, [
    'begin enabled',
    'write enabled',
    'written enabled',
    'begin sessions-ended',
    'write sessions-ended',
    'written sessions-ended',
  ])
  t.equal(stage.releasedInMs, null)
})

await t.test('no answer leaves it undecided, and the others are tried all the same', async (t) => {
  const stage = new Stage()
  stage.answer = () => {
    throw new Error('reset')
  }
  await pusherOf(stage).pushAll()
  t.same(stage.said.slice(0, 4), [
    'begin enabled',
    'write enabled',
    'undecided enabled',
    'begin sessions-ended',
  ])
  t.ok((stage.releasedInMs ?? 0) >= 1_000)
})

await t.test('undecided: what is found there is not written again', async (t) => {
  const stage = new Stage()
  stage.pushes = [undecided]
  stage.held = { enabled: false, sessionsEndedMs: HELD_SINCE + 1, attributes: {} }
  await pusherOf(stage).pushAll()
  t.same(stage.said.slice(0, 2), ['read', 'written enabled'])

  const other = new Stage()
  other.pushes = [undecided]
  await pusherOf(other).pushAll()
  t.same(other.said.slice(0, 3), ['read', 'begin enabled', 'write enabled'])
})

await t.test('an account that is gone is no longer written', async (t) => {
  const stage = new Stage()
  stage.pushes = [undecided]
  stage.held = null
  await pusherOf(stage).pushAll()
  t.same(stage.settled[0], { status: 'refused', reason: 'gone' })
})

await t.test('whoever has lost the claim, the lead or too much time sends nothing', async (t) => {
  const claimed = new Stage()
  claimed.begun = 'lost'
  await pusherOf(claimed).pushAll()
  t.same(claimed.said, ['begin enabled'])

  const led = new Stage()
  await pusherOf(led, { isLeader: () => false }).pushAll()
  t.same(led.said, ['begin enabled'])

  const stopped = new Stage()
  let nowMs = 0
  const clock = () => {
    nowMs += 60_000
    return nowMs
  }
  await pusherOf(stopped, { nowMs: clock }).pushAll()
  t.same(stopped.said, ['begin enabled'], 'a process that was stopped in between')
})

await t.test('a refusal ends it, but for one that an admin may mend', async (t) => {
  for (const [refusal, isRetried] of [
    ['on-premises', false],
    ['policy', false],
    ['gone', false],
    ['not-allowed', true],
  ] as const) {
    const stage = new Stage()
    stage.holds = []
    stage.pushes = [{ ...undecided, status: 'written', written: false, writtenAgeMs: LAG_MS }]
    stage.answer = () => ({ kind: 'refused', refusal, message: 'why' })
    await pusherOf(stage).pushAll()
    t.same(stage.settled, [{ status: 'refused', reason: `${refusal}: why` }])
    t.equal((stage.releasedInMs ?? 0) > 60_000, isRetried, refusal)
  }
})

await t.test('Graph says when to come again', async (t) => {
  const stage = new Stage()
  stage.answer = () => ({ kind: 'later', afterMs: 77_000, reason: 'slow down' })
  await pusherOf(stage).pushAll()
  t.equal(stage.releasedInMs, 77_000)
  t.same(stage.settled, [{ status: 'undecided', reason: 'slow down' }])
})

await t.test('a value that others keep changing back is left to an admin', async (t) => {
  const stage = new Stage()
  const written = { ...undecided, status: 'written', written: false, writtenAgeMs: LAG_MS } as const
  stage.pushes = [
    { ...written, repeats: MAX_REPEATS },
    { ...written, attribute: 'sessions-ended', wanted: HELD_SINCE },
  ]
  await pusherOf(stage).pushAll()
  t.same(stage.said, ['read', 'contested enabled'])
})
