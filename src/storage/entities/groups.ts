import { sql } from 'kysely'
import type { Group } from '../../directory/group.ts'
import type { GroupId } from '../../directory/id.ts'
import { lastJournalRow } from './principal-columns.ts'
import { type EntityReader, type LastChange, lastChange, readVersions } from './reader.ts'

interface GroupRow extends LastChange {
  readonly id: string
  readonly no: number
  readonly version: number
  readonly members_version: number
  readonly name: string
  readonly display_name: string
  readonly description: string | null
  readonly mail: string | null
  readonly origin: Group['origin']
  readonly gid_number: number
  readonly lifecycle: Group['lifecycle']
  readonly created_at: Date
  readonly changed_at: Date
}

export const groupsReader: EntityReader = {
  kind: 'group',
  versions(db) {
    return readVersions(db, sql`select id, version from directory_group`)
  },
  async read(db, ids) {
    const { rows } = await sql<GroupRow>`
      select g.*, j.usn, j.stamped_at
      from unnest(${ids}::uuid[]) as asked (id)
      join directory_group g on g.id = asked.id ${lastJournalRow('g.id')}`.execute(db)
    return rows.map((row) => ({
      id: row.id,
      value: toGroup(row),
      ...lastChange(row, row.changed_at),
    }))
  },
}

function toGroup(row: GroupRow): Group {
  return {
    kind: 'group',
    id: row.id as GroupId,
    no: row.no,
    version: row.version,
    name: row.name,
    displayName: row.display_name,
    description: row.description,
    mail: row.mail,
    origin: row.origin,
    gidNumber: row.gid_number,
    membersVersion: row.members_version,
    lifecycle: row.lifecycle,
    createdAtMs: row.created_at.getTime(),
  }
}
