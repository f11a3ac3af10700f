import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import { makeId, type PrincipalId } from '../directory/id.ts'
import type { GuestChange, GuestStore, NewGuest } from '../directory/ports/guests.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { sealGuestSecret } from './entities/guests.ts'
import { violatedConstraint } from './fault.ts'
import { journal } from './journal.ts'
import type { Keys } from './sealing.ts'
import { type Tx, writeOnce } from './written.ts'

/** All of them are held in memory; of those that ended the oldest make room. */
const MAX_GUESTS = 20_000

const NEXT_VERSION = sql<number>`nextval('entity_version')`
const HAS_ENDED = sql<boolean>`(revoked_at is not null or expires_at <= now())`

export class PostgresGuestStore implements GuestStore {
  readonly #database: Database
  readonly #keys: Keys
  readonly #max: number

  constructor(database: Database, keys: Keys, { max = MAX_GUESTS } = {}) {
    this.#database = database
    this.#keys = keys
    this.#max = max
  }

  async createGuests(
    guests: readonly NewGuest[],
    actor: Actor,
  ): Promise<Written & { readonly ids: readonly PrincipalId[] }> {
    const named = guests.map((guest) => ({ ...guest, id: makeId<PrincipalId>() }))
    try {
      const written = await writeOnce(this.#database, (tx) => this.#insert(tx, named, actor))
      return { ...written, ids: named.map(({ id }) => id) }
    } catch (cause) {
      if (violatedConstraint(cause) !== 'guest_name') throw cause
      const why = 'another guest has this name: see `gatehouse guest list`'
      throw new DirectoryError('DIRECTORY_CONFLICT', why, { cause })
    }
  }

  updateGuest(id: PrincipalId, change: GuestChange, actor: Actor): Promise<Written> {
    return this.#change(id, columnsOf(change), { actor, detail: describe(change) })
  }

  revokeGuest(id: PrincipalId, actor: Actor): Promise<Written> {
    const revoked = { revoked_at: sql<Date>`clock_timestamp()` }
    return this.#change(id, revoked, { actor, detail: { removed: true } })
  }

  async #insert(
    tx: Tx,
    guests: readonly (NewGuest & { readonly id: PrincipalId })[],
    actor: Actor,
  ): Promise<number> {
    // A name is free again once whoever had it has gone.
    const names = guests.map(({ name }) => name)
    await removeGuests(tx, sql`name = any (${names}::text[]) and ${HAS_ENDED}`, actor)
    await this.#makeRoom(tx, guests.length, actor)
    const made = await tx
      .insertInto('guest')
      .values(
        guests.map((guest) => ({
          ...columnsOf(guest),
          id: guest.id,
          name: guest.name,
          starts_at: new Date(guest.startsAtMs),
          expires_at: new Date(guest.expiresAtMs),
          secret: sealGuestSecret(this.#keys, guest.id, guest.secret),
        })),
      )
      .returning(['id', 'version'])
      .execute()
    const versions = new Map(made.map(({ id, version }) => [id, version]))
    for (const guest of guests) {
      const { id, name, startsAtMs } = guest
      const detail = {
        after: { name, startsAt: new Date(startsAtMs), ...describe(guest).after },
      }
      const version = versions.get(id)
      if (version === undefined) throw new Error('a guest that was inserted has no version')
      journal(tx, { kind: 'guest', entity: id, version, actor, detail })
    }
    return guests.length
  }

  /** Removes at most as many as come: what a transaction bears of the one it bears of the other. */
  async #makeRoom(tx: Tx, coming: number, actor: Actor): Promise<void> {
    const { rows } = await sql<{ held: number }>`
      select count(*)::integer as held from guest`.execute(tx)
    const over = (rows[0]?.held ?? 0) + coming - this.#max
    if (over <= 0) return
    const oldest = sql`id in (select id from guest where ${HAS_ENDED}
      order by least(revoked_at, expires_at), id limit ${Math.min(over, coming)})`
    if ((await removeGuests(tx, oldest, actor)) < over) throw tooMany(this.#max)
  }

  #change(
    id: PrincipalId,
    columns: object,
    {
      actor,
      detail,
    }: { readonly actor: Actor; readonly detail: Readonly<Record<string, unknown>> },
  ): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const row = await tx
        .updateTable('guest')
        .set({ ...columns, version: NEXT_VERSION })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .returning('version')
        .executeTakeFirst()
      if (row === undefined) return 0
      journal(tx, { kind: 'guest', entity: id, version: row.version, actor, detail })
      return 1
    })
  }
}

/** @returns how many there were */
export async function removeGuests(
  tx: Tx,
  condition: ReturnType<typeof sql>,
  actor: Actor,
): Promise<number> {
  const { rows } = await sql<{ id: string; name: string }>`
    delete from guest where ${condition} returning id, name`.execute(tx)
  for (const { id, name } of rows)
    journal(tx, { kind: 'guest', entity: id, actor, detail: { before: { name } } })
  return rows.length
}

function columnsOf({ label, company, note, sponsorId, expiresAtMs }: GuestChange) {
  return {
    ...(label === undefined ? {} : { label }),
    ...(company === undefined ? {} : { company }),
    ...(note === undefined ? {} : { note }),
    ...(sponsorId === undefined ? {} : { sponsor_id: sponsorId }),
    ...(expiresAtMs === undefined ? {} : { expires_at: new Date(expiresAtMs) }),
  }
}

/** For the journal; its password is no part of it. */
function describe({ label, company, note, sponsorId, expiresAtMs }: GuestChange) {
  const expiresAt = expiresAtMs === undefined ? undefined : new Date(expiresAtMs)
  const after = { label, company, note, sponsorId, expiresAt }
  return { after: Object.fromEntries(Object.entries(after).filter(([, to]) => to !== undefined)) }
}

function tooMany(max: number): DirectoryError {
  return new DirectoryError(
    'DIRECTORY_REFUSED',
    `there would be more than ${max} guests: let an event share fewer, or remove some (\`gatehouse guest remove\`)`,
  )
}
