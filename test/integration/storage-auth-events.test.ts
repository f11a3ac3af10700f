import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { AuthEventRow } from '../../src/observe/auth-event-writer.ts'
import { maintainAuthEvents } from '../../src/storage/auth-event-partitions.ts'
import { digestRows, PostgresAuthEventWriter } from '../../src/storage/auth-event-store.ts'
import { stamp } from '../../src/storage/journal.ts'
import { eachEngine } from '../support/database.ts'

function aRow(overrides: Partial<AuthEventRow> = {}): AuthEventRow {
  return {
    atMs: Date.UTC(2026, 0, 15, 9, 30),
    lastAtMs: Date.UTC(2026, 0, 15, 9, 31),
    count: 1,
    outcome: 'denied',
    reason: 'wrong-password',
    resourceKind: 'ldap',
    resourceName: 'sssd',
    method: 'simple',
    principalId: null,
    name: 'adele',
    address: '192.0.2.1',
    device: null,
    detail: { tls: 'TLSv1.3' },
    ...overrides,
  }
}

await eachEngine(
  t,
  'a batch is written whole, once, and chained by its digest',
  async (t, database) => {
    const writer = new PostgresAuthEventWriter(database)
    const batch = {
      id: randomUUID(),
      rows: [
        aRow(),
        aRow({ outcome: 'success', reason: null, count: 7, device: '02-00-00-00-00-01' }),
      ],
    }
    await writer.write(batch)
    await writer.write(batch)
    while ((await stamp(database.kysely)) > 0);
    await writer.write(batch)
    const { rows } = await database.pool.query(
      'select at, last_at, count, outcome, reason, name, device, detail from auth_event order by id',
    )
    t.match(rows, [
      {
        at: new Date(batch.rows[0]?.atMs ?? 0),
        count: 1,
        outcome: 'denied',
        detail: { tls: 'TLSv1.3' },
      },
      {
        last_at: new Date(batch.rows[0]?.lastAtMs ?? 0),
        count: 7,
        outcome: 'success',
        reason: null,
      },
    ])
    t.equal(rows.length, 2)
    const chained = await database.pool.query(
      `select reason from journal where kind = 'auth.batch'`,
    )
    t.same(chained.rows, [{ reason: `sha256:${digestRows(batch.rows)} of 2` }])
  },
)

await eachEngine(
  t,
  'a NUL in what a stranger typed does not undo the batch',
  async (t, database) => {
    const rows = [
      aRow({ name: 'a\0b', device: '\0', detail: { ssid: 'x\0' } }),
      aRow({ name: 'next' }),
    ]
    await new PostgresAuthEventWriter(database).write({ id: randomUUID(), rows })
    const found = await database.pool.query('select name from auth_event order by id')
    t.same(found.rows, [{ name: 'a\ufffdb' }, { name: 'next' }])
  },
)

await eachEngine(
  t,
  'partitions are made ahead and dropped when their time is over',
  async (t, database) => {
    const writer = new PostgresAuthEventWriter(database)
    const now = new Date(Date.UTC(2026, 0, 20))
    await maintainAuthEvents(database, { now })
    await maintainAuthEvents(database, { now })
    await writer.write({ id: randomUUID(), rows: [aRow(), aRow({ atMs: Date.UTC(2025, 11, 24) })] })
    const place = 'select tableoid::regclass::text as part from auth_event order by at'
    t.same((await database.pool.query(place)).rows, [
      { part: 'auth_event_default' },
      { part: 'auth_event_2026_01' },
    ])
    await maintainAuthEvents(database, { now: new Date(Date.UTC(2026, 3, 20)) })
    t.same((await database.pool.query(place)).rows, [{ part: 'auth_event_2026_01' }])
    await maintainAuthEvents(database, { now: new Date(Date.UTC(2026, 6, 20)) })
    t.same((await database.pool.query(place)).rows, [])
    const left = await database.pool.query(`select to_regclass('auth_event_2026_01') as part`)
    t.same(left.rows, [{ part: null }])
  },
)
