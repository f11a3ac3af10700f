import { sql } from 'kysely'
import type { DirectorySettings } from '../directory/change.ts'
import { DirectoryError } from '../directory/errors.ts'
import { foldText } from '../directory/fold.ts'
import { makeId, type NasId, type NetworkId, type PrincipalId } from '../directory/id.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { NewNas, NewNetwork, NewService, ResourceStore } from '../directory/ports/resources.ts'
import type { Service } from '../directory/service.ts'
import type { Database } from './connection.ts'
import { CHANGED_CREDENTIAL, noteCredentials } from './credential-store.ts'
import { violatedConstraint } from './fault.ts'
import { hintDenial, journal } from './journal.ts'
import { insertNas, insertNetwork, updateNasRow, updateNetworkRow } from './network-rows.ts'
import type { Keys } from './sealing.ts'
import { writeSettings } from './settings-row.ts'
import { type Tx, writeOnce, writeOne } from './written.ts'

export class PostgresResourceStore implements ResourceStore {
  readonly #database: Database
  readonly #keys: Keys

  constructor(database: Database, keys: Keys) {
    this.#database = database
    this.#keys = keys
  }

  createService(
    service: NewService,
    actor: Actor,
  ): Promise<Written & { readonly id: PrincipalId }> {
    return named(service.name, () =>
      writeOne(this.#database, async (tx) => {
        const id = makeId<PrincipalId>()
        const version = await insertPrincipal(tx, id, 'service')
        await tx
          .insertInto('service')
          .values({
            id,
            purpose: service.purpose,
            name: service.name,
            name_folded: foldText(service.name),
            view_group_ids: viewIds(service.view),
            allowed_group_ids: copy(service.allowedGroupIds),
          })
          .execute()
        journal(tx, { kind: 'service', entity: id, version, actor })
        return id
      }),
    )
  }

  updateService(
    id: PrincipalId,
    change: Partial<Pick<Service, 'view' | 'allowedGroupIds'>>,
    actor: Actor,
  ): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const version = await bumpLiving(tx, id, 'service')
      const { view, allowedGroupIds } = change
      const values = {
        ...(view === undefined ? {} : { view_group_ids: viewIds(view) }),
        ...(allowedGroupIds === undefined ? {} : { allowed_group_ids: copy(allowedGroupIds) }),
      }
      if (Object.keys(values).length === 0) return 0
      await tx.updateTable('service').set(values).where('id', '=', id).execute()
      journal(tx, { kind: 'service', entity: id, version, actor, detail: { after: change } })
      return 1
    })
  }

  removeService(id: PrincipalId, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const version = await bumpLiving(tx, id, 'service')
      await tx
        .updateTable('principal')
        .set({ lifecycle: 'deleted', deleted_at: sql`clock_timestamp()` })
        .where('id', '=', id)
        .execute()
      // Its name may be given to another service.
      await sql`update service set name_folded = name_folded || ' ' || id where id = ${id}`.execute(
        tx,
      )
      const gone = await tx
        .deleteFrom('credential')
        .where((or) => or.or([or('principal_id', '=', id), or('service_id', '=', id)]))
        .returning(CHANGED_CREDENTIAL)
        .execute()
      journal(tx, { kind: 'service', entity: id, version, actor })
      noteCredentials(tx, gone, actor)
      hintDenial(tx, id)
      return 1
    })
  }

  createNas(nas: NewNas, actor: Actor): Promise<Written & { readonly id: NasId }> {
    return named(nas.name, () =>
      writeOne(this.#database, async (tx) => {
        const id = makeId<NasId>()
        const version = await insertNas(tx, { id, nas, keys: this.#keys })
        journal(tx, { kind: 'nas', entity: id, version, actor })
        return id
      }),
    )
  }

  updateNas(id: NasId, change: Partial<NewNas>, actor: Actor): Promise<Written> {
    return named(change.name ?? '', () =>
      writeOnce(this.#database, async (tx) => {
        const version = await updateNasRow(tx, { id, change, keys: this.#keys })
        journal(tx, { kind: 'nas', entity: id, version: required(version, 'NAS'), actor })
        return 1
      }),
    )
  }

  removeNas(id: NasId, actor: Actor): Promise<Written> {
    return this.#removeRow('nas', id, actor)
  }

  createNetwork(network: NewNetwork, actor: Actor): Promise<Written & { readonly id: NetworkId }> {
    return named(network.name, () =>
      writeOne(this.#database, async (tx) => {
        const id = makeId<NetworkId>()
        const version = await insertNetwork(tx, id, network)
        journal(tx, { kind: 'network', entity: id, version, actor })
        return id
      }),
    )
  }

  updateNetwork(id: NetworkId, change: Partial<NewNetwork>, actor: Actor): Promise<Written> {
    return named(change.name ?? '', () =>
      writeOnce(this.#database, async (tx) => {
        const version = await updateNetworkRow(tx, id, change)
        journal(tx, {
          kind: 'network',
          entity: id,
          version: required(version, 'network'),
          actor,
          detail: { after: change },
        })
        return 1
      }),
    )
  }

  removeNetwork(id: NetworkId, actor: Actor): Promise<Written> {
    return this.#removeRow('network', id, actor)
  }

  updateSettings(
    change: Partial<Omit<DirectorySettings, 'kind' | 'id' | 'version'>>,
    actor: Actor,
  ): Promise<Written> {
    return writeOnce(this.#database, (tx) => writeSettings(tx, change, actor))
  }

  createAdministrator(
    administrator: Parameters<ResourceStore['createAdministrator']>[0],
    actor: Actor,
  ): Promise<Written & { readonly id: PrincipalId }> {
    const { username, role } = administrator
    return named(username, () =>
      writeOne(this.#database, async (tx) => {
        const id = makeId<PrincipalId>()
        const version = await insertPrincipal(tx, id, 'administrator')
        await tx
          .insertInto('administrator')
          .values({ id, username, username_folded: foldText(username), role })
          .execute()
        journal(tx, {
          kind: 'administrator',
          entity: id,
          version,
          actor,
          detail: { after: { role } },
        })
        return id
      }),
    )
  }

  #removeRow(table: 'nas' | 'network', id: string, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const rows = await tx.deleteFrom(table).where('id', '=', id).returning('id').execute()
      if (rows.length > 0) journal(tx, { kind: table, entity: id, actor })
      return rows.length
    })
  }
}

async function insertPrincipal(
  tx: Tx,
  id: string,
  kind: 'service' | 'administrator',
): Promise<number> {
  const { version } = await tx
    .insertInto('principal')
    .values({ id, kind, lifecycle: 'active' })
    .returning('version')
    .executeTakeFirstOrThrow()
  return version
}

async function bumpLiving(tx: Tx, id: string, kind: 'service'): Promise<number> {
  const row = await tx
    .updateTable('principal')
    .set({ version: sql`nextval('entity_version')` })
    .where('id', '=', id)
    .where('kind', '=', kind)
    .where('lifecycle', '<>', 'deleted')
    .returning('version')
    .executeTakeFirst()
  return required(row?.version ?? null, kind)
}

function required(version: number | null, what: string): number {
  if (version !== null) return version
  throw new DirectoryError('DIRECTORY_NOT_FOUND', `there is no ${what} with such an id`)
}

function viewIds(view: Service['view']): string[] | null {
  return view.sees === 'all' ? null : [...view.groupIds]
}

function copy(ids: readonly string[] | null): string[] | null {
  return ids === null ? null : [...ids]
}

/** A unique name that is taken becomes a conflict in words. */
async function named<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    if (violatedConstraint(cause) === null) throw cause
    throw new DirectoryError('DIRECTORY_CONFLICT', `the name ${name} is taken`, { cause })
  }
}
