import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import { foldText } from '../directory/fold.ts'
import { makeId, type PrincipalId } from '../directory/id.ts'
import type { DeviceChange, DeviceStore, NewDevice } from '../directory/ports/devices.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { violatedConstraint } from './fault.ts'
import { journal } from './journal.ts'
import { writeOnce, writeOne } from './written.ts'

export class PostgresDeviceStore implements DeviceStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  createDevice(device: NewDevice, actor: Actor): Promise<Written & { readonly id: PrincipalId }> {
    const id = makeId<PrincipalId>()
    return unique(device, () =>
      writeOne(this.#database, async (tx) => {
        const { version } = await tx
          .insertInto('device')
          .values({
            ...columnsOf(device),
            id,
            mac: device.mac,
            name: device.name,
            name_folded: foldText(device.name),
            network_ids: [...device.networkIds],
          })
          .returning('version')
          .executeTakeFirstOrThrow()
        journal(tx, { kind: 'device', entity: id, version, actor, detail: { after: device } })
        return id
      }),
    )
  }

  updateDevice(id: PrincipalId, change: DeviceChange, actor: Actor): Promise<Written> {
    return unique(change, () =>
      writeOnce(this.#database, async (tx) => {
        const row = await tx
          .updateTable('device')
          .set({ ...columnsOf(change), version: sql<number>`nextval('entity_version')` })
          .where('id', '=', id)
          .returning('version')
          .executeTakeFirst()
        if (row === undefined) return 0
        const { version } = row
        journal(tx, { kind: 'device', entity: id, version, actor, detail: { after: change } })
        return 1
      }),
    )
  }

  removeDevice(id: PrincipalId, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const rows = await tx
        .deleteFrom('device')
        .where('id', '=', id)
        .returning(['name', 'mac'])
        .execute()
      for (const before of rows)
        journal(tx, { kind: 'device', entity: id, actor, detail: { before } })
      return rows.length
    })
  }

  async lastSeen(macs: readonly string[]): Promise<ReadonlyMap<string, Date>> {
    const { rows } = await sql<{ device: string; at: Date }>`
      select device, max(last_at) as at from auth_event
      where device = any (${[...macs]}::text[]) and outcome = 'success' and method = 'radius-mac'
      group by device`.execute(this.#database.kysely)
    return new Map(rows.map(({ device, at }) => [device, at]))
  }
}

function columnsOf({ name, ownerId, networkIds, vlan, enabled, expiresAtMs }: DeviceChange) {
  return {
    ...(name === undefined ? {} : { name, name_folded: foldText(name) }),
    ...(ownerId === undefined ? {} : { owner_id: ownerId }),
    ...(networkIds === undefined ? {} : { network_ids: [...networkIds] }),
    ...(vlan === undefined ? {} : { vlan: vlan === null ? null : JSON.stringify(vlan) }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(expiresAtMs === undefined
      ? {}
      : { expires_at: expiresAtMs === null ? null : new Date(expiresAtMs) }),
  }
}

/** An address or a name that is taken becomes a conflict in words. */
async function unique<T>(
  { name, mac }: { readonly name?: string; readonly mac?: string },
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    const constraint = violatedConstraint(cause)
    if (constraint === null) throw cause
    const what = constraint === 'device_mac' ? `the address ${mac}` : `the name ${name}`
    const why = `${what} is that of another device: see \`gatehouse device list\``
    throw new DirectoryError('DIRECTORY_CONFLICT', why, { cause })
  }
}
