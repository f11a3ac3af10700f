import fc from 'fast-check'
import t from 'tap'
import { readNotifications } from '../../src/sources/microsoft365/live/notification.ts'

const STATE = 'the state of this subscription'
const isOurs = (state: unknown) => state === STATE
const bytesOf = (json: unknown) => Buffer.from(JSON.stringify(json))
const nothing = { hasChanged: false, mustReauthorize: false, isRemoved: false, hasMissed: false }

const EVENTS = ['reauthorizationRequired', 'subscriptionRemoved', 'missed', 'a later one'] as const
const entry = fc.record(
  {
    clientState: fc.constantFrom(STATE, 'of another', null),
    lifecycleEvent: fc.constantFrom(...EVENTS),
    resource: fc.string({ maxLength: 20 }),
  },
  { requiredKeys: [] },
)

await t.test('what is proven is heard, whatever stands around it', async (t) => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), (entries) => {
      const ours = entries.filter(({ clientState }) => clientState === STATE)
      const heard = readNotifications(bytesOf({ value: entries }), isOurs)
      if (ours.length === 0) return heard === null
      const tells = (event: string) => ours.some(({ lifecycleEvent }) => lifecycleEvent === event)
      const isChange = ours.some(({ lifecycleEvent }) => lifecycleEvent === undefined)
      return (
        heard?.hasChanged === isChange &&
        heard.mustReauthorize === tells('reauthorizationRequired') &&
        heard.isRemoved === tells('subscriptionRemoved') &&
        heard.hasMissed === tells('missed')
      )
    }),
  )
  t.same(
    readNotifications(bytesOf({ value: [{ clientState: STATE, lifecycleEvent: 'new' }] }), isOurs),
    nothing,
    'an event that is not known is none of the others',
  )
})

await t.test('of anything else nothing is heard, and nothing breaks', async (t) => {
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json({ maxDepth: 12 }).map((text) => Buffer.from(text)),
    fc.anything({ maxDepth: 4 }).map((value) => Buffer.from(JSON.stringify({ value }) ?? '')),
  )
  fc.assert(
    fc.property(hostile, (body) => readNotifications(body, isOurs) === null),
    { numRuns: 2_000 },
  )
  const deep = `{"value":[{"clientState":"${STATE}","x":${'['.repeat(20)}${']'.repeat(20)}}]}`
  t.equal(readNotifications(Buffer.from(deep), isOurs), null, 'deeper than any notification')
  const quoted = { clientState: STATE, resource: `\\"${'['.repeat(40)}` }
  t.match(
    readNotifications(bytesOf({ value: [quoted] }), isOurs),
    { hasChanged: true },
    'brackets in a text are no depth',
  )
  const late = Array.from({ length: 2_000 }, (_, at) => ({ clientState: at < 1_999 ? '' : STATE }))
  t.equal(readNotifications(bytesOf({ value: late }), isOurs), null, 'no more than a thousand')
})
