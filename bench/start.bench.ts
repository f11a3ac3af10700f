/**
 * How long the daemon takes until it serves, and what memory it has then, with 10,000 and with
 * 100,000 people on PostgreSQL.
 *
 * Run with `npm run bench start`, on a machine with nothing else to do.
 */
import { startPostgres } from '../test/support/postgres.ts'
import { SERVICE_ENVIRONMENT, type Started, startAgain } from './support/daemon.ts'
import { median } from './support/median.ts'

const TIMES = 5

const budgets = [
  { people: 10_000, startMs: 3_000, memoryMb: 200 },
  { people: 100_000, startMs: 15_000, memoryMb: 600 },
]

function line(...cells: readonly string[]): void {
  const [first = '', ...rest] = cells
  process.stdout.write(`${first.padEnd(34)}${rest.map((cell) => cell.padStart(12)).join('')}\n`)
}

function report(what: string, values: readonly number[], budget: number): void {
  const middle = median(values)
  const verdict = middle <= budget ? 'met' : 'MISSED'
  line(
    what,
    middle.toFixed(0),
    Math.max(...values).toFixed(0),
    (middle / budget).toFixed(2),
    `≤ ${budget}`,
    verdict,
  )
}

const postgres = await startPostgres()
try {
  process.stdout.write(
    `from the command to the first answer, ${TIMES} starts each; environment ${JSON.stringify(SERVICE_ENVIRONMENT)}\n\n`,
  )
  line('', 'median', 'worst', 'ratio', 'budget', '')
  for (const { people, startMs, memoryMb } of budgets) {
    const starts: Started[] = []
    for await (const one of startAgain(postgres, people, TIMES)) starts.push(one)
    const of = people.toLocaleString('en')
    const times = starts.map((one) => one.startMs)
    const memory = starts.map((one) => one.memoryMb)
    report(`start with ${of} people, ms`, times, startMs)
    report(`memory with ${of} people, MB RSS`, memory, memoryMb)
  }
} finally {
  await postgres.stop()
}
