import type { Hours, HoursWindow } from '../directory/network.ts'

const MINUTE_SECONDS = 60
const DAY_SECONDS = 86_400
/** A week without a gap is no limit. */
const MAX_AHEAD_SECONDS = 7 * DAY_SECONDS

const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
/** Making one takes a hundred times as long as asking it. */
const formats = new Map<string, Intl.DateTimeFormat>()

/**
 * How long the hours go on from `atMs`, in seconds; null outside of them, `Infinity` when they have
 * no end within a week. Windows that meet are one.
 */
export function secondsLeft(hours: Hours, atMs: number): number | null {
  let left = 0
  while (left < MAX_AHEAD_SECONDS) {
    const more = longestWindow(hours, atMs + left * 1_000)
    if (more === 0) return left === 0 ? null : left
    left += more
  }
  return Number.POSITIVE_INFINITY
}

/** Whether the zone is one this machine knows, such as `Europe/Berlin`. */
export function isTimeZone(name: string): boolean {
  try {
    formatOf(name)
    return true
  } catch {
    return false
  }
}

/** Seconds to the end of the window that ends last of those that are open; 0 when none is. */
function longestWindow({ timeZone, windows }: Hours, atMs: number): number {
  const now = localTime(timeZone, atMs)
  const ends = windows.flatMap((window) => openFor(window, now))
  const left = Math.max(0, ...ends)
  if (left === 0) return 0
  // Where clocks are put forward or back before the end, the day is shorter or longer.
  const shift =
    localTime(timeZone, atMs + left * 1_000).second - ((now.second + left) % DAY_SECONDS)
  const half = DAY_SECONDS / 2
  const wrapped = ((((shift + half) % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS) - half
  return Math.max(1, left - wrapped)
}

interface LocalTime {
  /** 0 is Sunday. */
  readonly day: number
  /** Of the day, by the clock on the wall. */
  readonly second: number
}

/** For a window that goes past midnight the days are those on which it begins. */
function openFor(window: HoursWindow, { day, second }: LocalTime): readonly number[] {
  const from = secondOfDay(window.from)
  const until = secondOfDay(window.to)
  const to = until > from ? until : until + DAY_SECONDS
  const yesterday = (day + 6) % 7
  return [
    ...(beginsOn(window, day) && second >= from && second < to ? [to - second] : []),
    ...(beginsOn(window, yesterday) && second + DAY_SECONDS < to
      ? [to - second - DAY_SECONDS]
      : []),
  ]
}

function beginsOn({ days }: HoursWindow, day: number): boolean {
  return days.some((name) => weekdays[day] === name)
}

function secondOfDay(time: string): number {
  const [hour = '0', minute = '0'] = time.split(':')
  return (Number(hour) * 60 + Number(minute)) * MINUTE_SECONDS
}

function localTime(timeZone: string, atMs: number): LocalTime {
  const parts = formatOf(timeZone).formatToParts(atMs)
  const read = (type: string) => parts.find((part) => part.type === type)?.value ?? ''
  const names: readonly string[] = weekdays
  return {
    day: names.indexOf(read('weekday').toLowerCase()),
    second: (Number(read('hour')) * 60 + Number(read('minute'))) * 60 + Number(read('second')),
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    })
    formats.set(timeZone, format)
  }
  return format
}
