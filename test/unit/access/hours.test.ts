import t from 'tap'
import { isTimeZone, secondsLeft } from '../../../src/access/hours.ts'
import type { Hours } from '../../../src/directory/network.ts'

const HOUR = 3_600
const berlin = (...windows: Hours['windows']): Hours => ({ timeZone: 'Europe/Berlin', windows })
const left = (hours: Hours, time: string) => secondsLeft(hours, Date.parse(time))

t.test('hours: by the clock on the wall of their zone', async (t) => {
  const office = berlin({ days: ['mon', 'tue'], from: '08:00', to: '18:00' })
  const cases: [string, number | null][] = [
    ['2026-11-30T07:00:00Z', 10 * HOUR],
    ['2026-11-30T16:59:59.5Z', 1],
    ['2026-11-30T17:00:00Z', null],
    ['2026-12-02T09:00:00Z', null],
    ['2026-06-01T06:00:00Z', 10 * HOUR],
  ]
  for (const [time, seconds] of cases) t.equal(left(office, time), seconds, time)
})

t.test('hours: past midnight they belong to the day they begin on', async (t) => {
  const night = berlin({ days: ['fri'], from: '22:00', to: '02:00' })
  t.equal(left(night, '2026-12-04T21:00:00Z'), 4 * HOUR)
  t.equal(left(night, '2026-12-05T00:30:00Z'), HOUR / 2)
  t.equal(left(night, '2026-12-05T22:00:00Z'), null, 'not on Saturday night')
  t.equal(left(night, '2026-12-04T00:30:00Z'), null, 'nor on Thursday night')
})

t.test('hours: windows that meet are one, and all of them have no end', async (t) => {
  const joined = berlin(
    { days: ['mon'], from: '08:00', to: '12:00' },
    { days: ['mon'], from: '12:00', to: '24:00' },
    { days: ['tue'], from: '00:00', to: '06:00' },
  )
  t.equal(left(joined, '2026-11-30T07:00:00Z'), 22 * HOUR)
  const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
  const always = berlin({ days, from: '00:00', to: '24:00' })
  t.equal(left(always, '2026-11-30T07:00:00Z'), Number.POSITIVE_INFINITY)
})

t.test('hours: the night on which clocks change is shorter or longer', async (t) => {
  const night = berlin({ days: ['sat'], from: '20:00', to: '06:00' })
  t.equal(left(night, '2026-03-28T19:00:00Z'), 9 * HOUR, 'forward')
  t.equal(left(night, '2026-10-24T18:00:00Z'), 11 * HOUR, 'back')
})

t.test('hours: a zone has to be one', async (t) => {
  t.ok(isTimeZone('America/New_York'))
  t.notOk(isTimeZone('Mars/Olympus'))
  t.notOk(isTimeZone(''))
})
