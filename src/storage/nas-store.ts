import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { NasId } from '../directory/id.ts'
import type { NasStore, SecretUse } from '../directory/ports/nas.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { sealSecrets } from './entities/networks.ts'
import { journal } from './journal.ts'
import type { Keys } from './sealing.ts'
import { type Tx, writeOnce } from './written.ts'

/** Each costs a digest for a packet that fits none. */
const MAX_SECRETS = 4
/** In one statement; more lapse a second later. */
const AT_ONCE = 100
/** Addresses told for a NAS that is a whole block. */
const MAX_TOLD = 1_000

export class PostgresNasStore implements NasStore {
  readonly #database: Database
  readonly #keys: Keys

  constructor(database: Database, keys: Keys) {
    this.#database = database
    this.#keys = keys
  }

  rotateSecret(
    id: NasId,
    { secret, keepMs }: { readonly secret: Buffer; readonly keepMs: number },
    actor: Actor,
  ): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const { rows } = await sql<{ version: number; until: Date }>`
        update nas set secrets = ${sealSecrets(this.#keys, id, [secret])}::bytea[] || secrets,
          secret_no = secret_no + 1, version = nextval('entity_version'),
          old_secrets_until = clock_timestamp() + ${keepMs} * interval '1 millisecond'
        where id = ${id}::uuid and cardinality(secrets) < ${MAX_SECRETS}
        returning version, old_secrets_until as until`.execute(tx)
      const [row] = rows
      if (row === undefined) {
        const why = `${MAX_SECRETS} secrets are good already, or the NAS is gone: end the old ones first (\`nas end-rotation\`)`
        throw new DirectoryError('DIRECTORY_REFUSED', why)
      }
      const detail = { secret: 'rotated', oldUntil: row.until.toISOString() }
      journal(tx, { kind: 'nas', entity: id, version: row.version, actor, detail })
      return 1
    })
  }

  endRotation(id: NasId, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, (tx) => keepNewest(tx, [id], actor))
  }

  async markSigned(id: NasId): Promise<void> {
    await writeOnce(this.#database, async (tx) => {
      const { rows } = await sql<{ version: number }>`
        update nas set signed_at = clock_timestamp(), version = nextval('entity_version')
        where id = ${id}::uuid and signed_at is null and require_message_authenticator = 'auto'
        returning version`.execute(tx)
      for (const { version } of rows)
        journal(tx, {
          kind: 'nas',
          entity: id,
          version,
          actor: { name: 'system', reason: 'it sends Message-Authenticator' },
        })
      return rows.length
    })
  }

  async noteUses(uses: readonly SecretUse[]): Promise<void> {
    await sql`
      insert into nas_secret_use as u (nas_id, secret_no, address, used_at)
      select n.id, r.secret_no, r.address, to_timestamp(r.at / 1000.0)
      from unnest(
        ${uses.map(({ nasId }) => nasId)}::uuid[], ${uses.map(({ secretNo }) => secretNo)}::integer[],
        ${uses.map(({ address }) => address)}::text[], ${uses.map(({ atMs }) => Math.round(atMs))}::bigint[]
      ) as r (id, secret_no, address, at)
      join nas n on n.id = r.id
      order by n.id, r.secret_no, r.address
      on conflict (nas_id, secret_no, address) do update set used_at = excluded.used_at
        where u.used_at < excluded.used_at`.execute(this.#database.kysely)
  }

  async uses(): Promise<readonly SecretUse[]> {
    const { rows } = await sql<SecretUse>`
      select u.nas_id as "nasId", u.secret_no as "secretNo", u.address,
        (extract(epoch from u.used_at) * 1000)::float8 as "atMs"
      from nas_secret_use u join nas n on n.id = u.nas_id
      where u.secret_no > n.secret_no - cardinality(n.secrets)
      order by u.used_at desc limit ${MAX_TOLD}`.execute(this.#database.kysely)
    return rows
  }
}

/**
 * Ends what has had its time, by the database's clock: all secrets of a NAS but the newest.
 *
 * @returns of how many NAS
 */
export async function lapseSecrets(database: Database): Promise<number> {
  const actor: Actor = { name: 'system', reason: 'the time for changing over is past' }
  const { changed } = await writeOnce(database, async (tx) => {
    const { rows } = await sql<{ id: string }>`
      select id from nas where old_secrets_until <= clock_timestamp()
      order by old_secrets_until, id limit ${AT_ONCE} for update skip locked`.execute(tx)
    return rows.length === 0
      ? 0
      : keepNewest(
          tx,
          rows.map(({ id }) => id),
          actor,
        )
  })
  return changed
}

async function keepNewest(tx: Tx, ids: readonly string[], actor: Actor): Promise<number> {
  const { rows } = await sql<{ id: string; version: number }>`
    update nas set secrets = secrets[1:1], old_secrets_until = null,
      version = nextval('entity_version')
    where id = any (${[...ids]}::uuid[]) and cardinality(secrets) > 1
    returning id, version`.execute(tx)
  await sql`delete from nas_secret_use u using nas n where n.id = u.nas_id
    and n.id = any (${[...ids]}::uuid[]) and u.secret_no < n.secret_no`.execute(tx)
  const detail = { secret: 'only the newest is left' }
  for (const { id, version } of rows)
    journal(tx, { kind: 'nas', entity: id, version, actor, detail })
  return rows.length
}
