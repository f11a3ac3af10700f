import { sql } from 'kysely'
import { foldText } from '../directory/fold.ts'
import { makeId, type RealmId } from '../directory/id.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { NewRealm, RealmStore } from '../directory/ports/realms.ts'
import type { Database } from './connection.ts'
import { type RealmPolicy, sealRealmSecrets } from './entities/realms.ts'
import { journal } from './journal.ts'
import type { Keys } from './sealing.ts'
import { writeOnce, writeOne } from './written.ts'

export class PostgresRealmStore implements RealmStore {
  readonly #database: Database
  readonly #keys: Keys

  constructor(database: Database, keys: Keys) {
    this.#database = database
    this.#keys = keys
  }

  putRealm(realm: NewRealm, actor: Actor): Promise<Written & { readonly id: RealmId }> {
    return writeOne(this.#database, async (tx) => {
      const folded = foldText(realm.name)
      const held = await tx
        .selectFrom('realm')
        .select('id')
        .where('name_folded', '=', folded)
        .forUpdate()
        .executeTakeFirst()
      const id = (held?.id as RealmId | undefined) ?? makeId<RealmId>()
      const values = {
        name: realm.name,
        policy: JSON.stringify(toPolicy(realm)),
        secrets: sealRealmSecrets(this.#keys, id, realm.servers),
      }
      const { version } = await tx
        .insertInto('realm')
        .values({ id, name_folded: folded, ...values })
        .onConflict((conflict) =>
          conflict.column('id').doUpdateSet({ ...values, version: sql`nextval('entity_version')` }),
        )
        .returning('version')
        .executeTakeFirstOrThrow()
      journal(tx, { kind: 'realm', entity: id, version, actor, detail: { after: toPolicy(realm) } })
      return id
    })
  }

  removeRealm(id: RealmId, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const rows = await tx.deleteFrom('realm').where('id', '=', id).returning('id').execute()
      if (rows.length > 0) journal(tx, { kind: 'realm', entity: id, actor })
      return rows.length
    })
  }
}

function toPolicy({ servers, allow, vlan, operatorName }: NewRealm): RealmPolicy {
  const shown = servers.map(({ secret: _secret, ...server }) => server)
  return { servers: shown, allow, vlan, operatorName }
}
