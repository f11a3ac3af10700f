import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import t from 'tap'
import { applyRetention } from '../../src/storage/retention.ts'
import { eachEngine } from '../support/database.ts'

await eachEngine(
  t,
  'retention: what is old goes, what is young stays, the dead keep their numbers',
  async (t, database) => {
    const { kysely } = database
    const [old, young] = [randomUUID(), randomUUID()]
    for (const [id, days, uid] of [
      [old, 31, 300_001],
      [young, 29, 300_002],
    ] as const) {
      await sql`insert into principal (id, kind, lifecycle, deleted_at)
      values (${id}, 'person', 'deleted', now() - make_interval(days => ${days}))`.execute(kysely)
      await sql`insert into person (id, username, username_folded, display_name, display_name_folded, mail,
        uid_number, gid_number, home_directory, login_shell, folded)
      values (${id}, 'eve', 'eve', 'Eve', 'eve', 'eve@contoso.example', ${uid}, ${uid}, '/home/eve', '/bin/sh', '{}')`.execute(
        kysely,
      )
    }
    for (const days of [1, 179, 181]) {
      await sql`insert into journal_detail (id, salt, digest, body, at)
      values (gen_random_uuid(), '\\x00', '\\x00', '{"a":1}', now() - make_interval(days => ${days}))`.execute(
        kysely,
      )
    }
    for (const days of [1, 89, 91]) {
      await sql`insert into auth_event (at, last_at, outcome, resource_kind, method, name, address)
      select at, at, 'denied', 'ldap', 'ldap-simple', 'eve', '::1' from (select now() - make_interval(days => ${days}) as at) x`.execute(
        kysely,
      )
    }
    await applyRetention(database)
    await applyRetention(database)

    const people = await sql<{ uid_number: number; username: string; mail: string | null }>`
    select uid_number, username, mail from person order by uid_number`.execute(kysely)
    t.same(people.rows, [
      { uid_number: 300_001, username: 'deleted-300001', mail: null },
      { uid_number: 300_002, username: 'eve', mail: 'eve@contoso.example' },
    ])
    const details = await sql<{ kept: number; all: number }>`
    select count(body)::int as kept, count(*)::int as all from journal_detail`.execute(kysely)
    t.same(details.rows, [{ kept: 2, all: 3 }], 'digests stay, old bodies do not')
    const events = await sql<{
      found: number
    }>`select count(*)::int as found from auth_event`.execute(kysely)
    t.same(events.rows, [{ found: 2 }])
  },
)
