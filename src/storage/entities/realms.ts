import { sql } from 'kysely'
import type { RealmId } from '../../directory/id.ts'
import type { HomeServerAddress, Realm } from '../../directory/realm.ts'
import { type Keys, type Place, seal, unseal } from '../sealing.ts'
import { lastJournalRow } from './principal-columns.ts'
import { type EntityReader, type LastChange, lastChange } from './reader.ts'

/** What a realm's `policy` column holds; the secrets of its servers are in a column of their own. */
export interface RealmPolicy extends Pick<Realm, 'allow' | 'vlan' | 'operatorName'> {
  readonly servers: readonly Omit<HomeServerAddress, 'secret'>[]
}

interface RealmRow extends LastChange {
  readonly id: string
  readonly version: number
  readonly name: string
  readonly policy: RealmPolicy
  readonly secrets: readonly Buffer[]
}

/** The row has no time of its own; before its first journal row it cannot be seen. */
const UNKNOWN_TIME = new Date(0)
const NO_SECRET = Buffer.alloc(0)

function secretPlace(realmId: string): Place {
  return { table: 'realm', column: 'secrets', row: realmId }
}

export function sealRealmSecrets(keys: Keys, id: string, servers: Realm['servers']): Buffer[] {
  return servers.map(({ secret }) => seal(keys, secretPlace(id), secret))
}

export function makeRealmReader(keys: Keys): EntityReader {
  return {
    kind: 'realm',
    async versions(db) {
      const rows = await db.selectFrom('realm').select(['id', 'version']).execute()
      return new Map(rows.map(({ id, version }) => [id, version]))
    },
    async read(db, ids) {
      const { rows } = await sql<RealmRow>`
        select r.*, j.usn, j.stamped_at
        from realm r ${lastJournalRow('r.id')}
        where r.id = any (${ids}::uuid[])`.execute(db)
      return rows.map((row) => ({
        id: row.id,
        value: toRealm(row, keys),
        ...lastChange(row, UNKNOWN_TIME),
      }))
    },
  }
}

function toRealm({ id, version, name, policy, secrets }: RealmRow, keys: Keys): Realm {
  const clear = secrets.map((sealed) => unseal(keys, secretPlace(id), sealed))
  return {
    kind: 'realm',
    id: id as RealmId,
    version,
    name,
    ...policy,
    servers: policy.servers.map((server, at) => ({ ...server, secret: clear[at] ?? NO_SECRET })),
  }
}
