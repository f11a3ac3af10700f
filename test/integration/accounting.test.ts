import t from 'tap'
import { makeId, type NasId } from '../../src/directory/id.ts'
import type { SessionReport } from '../../src/directory/ports/accounting.ts'
import { PostgresSessionStore } from '../../src/storage/session-store.ts'
import { eachEngine, type TestDatabase } from '../support/database.ts'
import { fuzzSeed, Random } from '../support/mutate.ts'
import { seedPeople } from '../support/people.ts'

const nasId = makeId<NasId>()
const MORNING_MS = Date.UTC(2031, 4, 6, 7)
const MINUTE_MS = 60_000

function aReport(changes: Partial<SessionReport> = {}): SessionReport {
  return {
    nasId,
    reporter: 'ap-1',
    kind: 'start',
    sessionId: 's1',
    username: 'adele',
    principalId: null,
    device: '02:00:00:00:00:01',
    station: null,
    address: null,
    admission: { networkId: null, credentialId: null, granted: null },
    link: { ssid: null, ipv6: null, signal: null, connectInfo: null },
    identity: {
      from: '10.0.0.1',
      nasIpAddress: null,
      nasIpv6Address: null,
      nasIdentifier: 'ap-1',
      nasPort: null,
      nasPortId: null,
      multiSessionId: null,
      callingStationId: '02-00-00-00-00-01',
    },
    sessionSeconds: null,
    inputOctets: null,
    outputOctets: null,
    endedBecause: null,
    atMs: MORNING_MS,
    ...changes,
  }
}

/** What the NAS says after so many minutes of a session that began in the morning. */
function after(minutes: number, changes: Partial<SessionReport> = {}): SessionReport {
  return aReport({
    kind: 'interim',
    atMs: MORNING_MS + minutes * MINUTE_MS,
    sessionSeconds: minutes * 60,
    inputOctets: BigInt(minutes) * 1_000n,
    outputOctets: BigInt(minutes) * 5_000n,
    ...changes,
  })
}

async function readSessions({ pool }: TestDatabase, where = 'true') {
  const { rows } = await pool.query(`
    select session_id as id, username, principal_id as principal, reported_by as reporter,
      called_station_id as station, host(framed_address) as address,
      (extract(epoch from started_at) * 1000)::bigint as started,
      (extract(epoch from stopped_at) * 1000)::bigint as stopped,
      session_seconds as seconds, input_octets::text as input, output_octets::text as output,
      terminate_cause as cause
    from accounting_session where ${where} order by session_id, username`)
  return rows.map((row: Record<string, unknown>) => ({
    ...row,
    started: row['started'] === null ? null : Number(row['started']),
    stopped: row['stopped'] === null ? null : Number(row['stopped']),
    seconds: row['seconds'] === null ? null : Number(row['seconds']),
  }))
}

await eachEngine(t, 'a session from start to stop is one row', async (t, database) => {
  const store = new PostgresSessionStore(database)
  const [adele = null] = await seedPeople(database, [{ username: 'adele' }])
  const station = '02-00-00-00-00-AA:corp'
  await store.record(aReport({ principalId: adele, station }))
  await store.record(after(10, { address: '10.0.0.7' }))
  await store.record(after(60, { kind: 'stop', endedBecause: 'user-request' }))
  t.match(await readSessions(database), [
    {
      id: 's1',
      username: 'adele',
      principal: adele,
      reporter: 'ap-1',
      station,
      address: '10.0.0.7',
      started: MORNING_MS,
      stopped: MORNING_MS + 60 * MINUTE_MS,
      seconds: 3_600,
      input: '60000',
      output: '300000',
      cause: 'user-request',
    },
  ])
})

await eachEngine(t, 'octets beyond 32 bits and beyond what a double holds', async (t, database) => {
  const store = new PostgresSessionStore(database)
  const octets = (7n << 32n) + 5n
  const many = 2n ** 62n + 1n
  await store.record(after(10, { inputOctets: 2n ** 32n - 1n, outputOctets: many }))
  await store.record(after(20, { inputOctets: octets, outputOctets: many - 1n }))
  t.match(await readSessions(database), [{ input: String(octets), output: String(many) }])
})

await eachEngine(t, 'what comes late does not undo what is newer', async (t, database) => {
  const store = new PostgresSessionStore(database)
  await store.record(after(60, { kind: 'stop', endedBecause: 'lost-carrier' }))
  const first = await readSessions(database)
  t.match(first, [{ started: MORNING_MS, stopped: MORNING_MS + 60 * MINUTE_MS, seconds: 3_600 }])
  await store.record(after(30))
  await store.record(aReport())
  // A repetition that carries no Acct-Delay-Time looks newer than it is.
  await store.record(after(60, { kind: 'stop', atMs: MORNING_MS + 61 * MINUTE_MS }))
  await store.record(aReport({ atMs: MORNING_MS + 62 * MINUTE_MS }))
  t.same(await readSessions(database), first)
})

await eachEngine(t, 'sessions under loss, repetition and disorder', async (t, database) => {
  const store = new PostgresSessionStore(database)
  const seed = fuzzSeed()
  const random = new Random(seed)
  const isOneInFive = () => random.below(5) === 0
  const SESSIONS = 30
  const sent: SessionReport[] = []
  for (let no = 0; no < SESSIONS; no++) {
    const own = { sessionId: `s${no}`, username: `person${no % 7}` }
    const minutes = 10 + random.below(50)
    const reports = [aReport(own)]
    for (let at = 5; at < minutes; at += 5) reports.push(after(at, own))
    // Lost for good: any but the stop, which a NAS repeats until it is acknowledged.
    const arrived = reports.filter(() => !isOneInFive())
    arrived.push(after(minutes, { ...own, kind: 'stop', endedBecause: 'idle-timeout' }))
    // A lost acknowledgement makes the NAS say it again.
    sent.push(...arrived, ...arrived.filter(isOneInFive))
  }
  for (let at = sent.length - 1; at > 0; at--) {
    const other = random.below(at + 1)
    const kept = sent[at] as SessionReport
    sent[at] = sent[other] as SessionReport
    sent[other] = kept
  }
  for (let at = 0; at < sent.length; at += 8)
    await Promise.all(sent.slice(at, at + 8).map((report) => store.record(report)))

  const rows = await readSessions(database)
  t.equal(rows.length, SESSIONS, `seed ${seed}, ${sent.length} reports`)
  for (const report of sent.filter(({ kind }) => kind === 'stop')) {
    const row = rows.find(({ id }: Record<string, unknown>) => id === report.sessionId)
    t.match(
      row,
      {
        started: MORNING_MS,
        stopped: report.atMs,
        seconds: report.sessionSeconds,
        input: String(report.inputOctets),
        output: String(report.outputOctets),
        cause: 'idle-timeout',
      },
      `${report.sessionId}, seed ${seed}`,
    )
  }
})

await eachEngine(
  t,
  'an access point that restarts ends its own sessions and no others (RFC 2866 §5.1)',
  async (t, database) => {
    const store = new PostgresSessionStore(database)
    const restart = (minutes: number, kind: 'nas-started' | 'nas-stopping' = 'nas-started') =>
      store.record(
        aReport({ kind, sessionId: '', username: '', device: '', atMs: atMinute(minutes) }),
      )
    await store.record(aReport())
    await store.record(aReport({ sessionId: 's2', reporter: 'ap-2' }))
    await store.record(aReport({ sessionId: 's3', nasId: makeId<NasId>() }))
    await store.record(aReport({ sessionId: 's4', atMs: atMinute(31) }))
    await restart(30, 'nas-stopping')
    const open = async () => (await readSessions(database, 'stopped_at is null')).map(idOf)
    t.same(await open(), ['s2', 's3', 's4'], 'one that began after it goes on')
    t.match(await readSessions(database, `session_id = 's1'`), [
      { cause: 'nas-restarted', stopped: atMinute(30) },
    ])

    await restart(40)
    t.same(await open(), ['s2', 's3'])
    await store.record(after(45, { sessionId: 's4' }))
    t.same(await open(), ['s2', 's3', 's4'], 'the NAS says that it goes on')
    await store.record(after(50, { kind: 'stop', endedBecause: 'user-request' }))
    t.match(
      await readSessions(database, `session_id = 's1'`),
      [{ cause: 'user-request', stopped: atMinute(50) }],
      'a stop it kept over its restart tells better than we could',
    )
  },
)

await eachEngine(t, 'a session number used again after a restart', async (t, database) => {
  const store = new PostgresSessionStore(database)
  await store.record(after(20))
  await store.record(
    aReport({ kind: 'nas-started', sessionId: '', username: '', device: '', atMs: atMinute(30) }),
  )
  await store.record(aReport({ atMs: atMinute(35) }))
  t.match(await readSessions(database), [
    { started: atMinute(35), stopped: null, input: null, seconds: null, cause: null },
  ])
})

function atMinute(minute: number): number {
  return MORNING_MS + minute * MINUTE_MS
}

function idOf(row: Record<string, unknown>): unknown {
  return row['id']
}
