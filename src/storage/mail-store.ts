import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { NewMail } from '../directory/ports/mail.ts'
import type { Actor } from '../directory/ports/people.ts'
import type {
  ClaimedMail,
  ListedMail,
  MailAccount,
  MailSettled,
  MailStore,
} from '../mail/mail-store.ts'
import type { MailSettings } from '../mail/settings.ts'
import type { Database } from './connection.ts'
import { rethrow } from './fault.ts'
import { journal } from './journal.ts'
import { insertMail, mailPlace } from './mail-rows.ts'
import { type Keys, type Place, seal, unseal } from './sealing.ts'

/** Longer than a few deliveries can take with all their time-outs. */
const CLAIM_SECONDS = 300
const EXPIRED = 'it could not be sent in time'

export class PostgresMailStore implements MailStore {
  readonly #database: Database
  readonly #keys: Keys

  constructor(database: Database, keys: Keys) {
    this.#database = database
    this.#keys = keys
  }

  async readAccount(): Promise<MailAccount | null> {
    const row = await this.#database.kysely
      .selectFrom('settings')
      .select(['id', 'mail', 'mail_password'])
      .executeTakeFirst()
      .catch(rethrow)
    if (row === undefined || row.mail === null) return null
    const sealed = row.mail_password
    return {
      settings: row.mail as unknown as MailSettings,
      password:
        sealed === null ? null : unseal(this.#keys, passwordPlace(row.id), sealed).toString(),
    }
  }

  async configure(
    settings: MailSettings,
    password: string | null | undefined,
    actor: Actor,
  ): Promise<void> {
    await this.#database.write(async (tx) => {
      await tx
        .insertInto('settings')
        .values({ id: randomUUID() })
        .onConflict((conflict) => conflict.column('one').doNothing())
        .execute()
      const {
        id,
        mail,
        mail_password: before,
      } = await tx
        .selectFrom('settings')
        .select(['id', 'mail', 'mail_password'])
        .forUpdate()
        .executeTakeFirstOrThrow()
      if (password === undefined && before !== null)
        refuseElsewhere(mail as unknown as MailSettings, settings)
      const sealed =
        password === undefined
          ? before
          : password === null
            ? null
            : seal(this.#keys, passwordPlace(id), Buffer.from(password))
      const { version } = await tx
        .updateTable('settings')
        .set({
          mail: JSON.stringify(settings),
          mail_password: sealed,
          version: sql`nextval('entity_version')`,
        })
        .returning('version')
        .executeTakeFirstOrThrow()
      const { ca: _ca, ...shown } = settings
      journal(tx, { kind: 'settings', entity: id, version, actor, detail: { mail: shown } })
    })
  }

  async add(mail: NewMail): Promise<void> {
    await this.#database.transaction((tx) => insertMail(tx, this.#keys, mail))
  }

  async claim(limit: number): Promise<readonly ClaimedMail[]> {
    const { kysely } = this.#database
    await sql`
      update mail set status = 'failed', reason = coalesce(reason, ${EXPIRED}), content = null,
        settled_at = clock_timestamp()
      where status = 'waiting' and expires_at <= clock_timestamp()`
      .execute(kysely)
      .catch(rethrow)
    const claim = randomUUID()
    const { rows } = await sql<ClaimedRow>`
      update mail set claim = ${claim}::uuid,
        claimed_until = clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS})
      where id in (
        select id from mail
        where status = 'waiting' and due_at <= clock_timestamp()
          and (claimed_until is null or claimed_until <= clock_timestamp())
        order by due_at, id limit ${limit} for update skip locked)
      returning id, kind, recipient, content, attempts`
      .execute(kysely)
      .catch(rethrow)
    const opened = await Promise.all(rows.map((row) => this.#open(row, claim)))
    return opened.filter((mail) => mail !== null)
  }

  /** Null for one whose seal is broken: it is given up, and keeps no other waiting. */
  async #open({ content: sealed, ...row }: ClaimedRow, claim: string): Promise<ClaimedMail | null> {
    try {
      const opened = unseal(this.#keys, mailPlace(row.id), sealed).toString('utf8')
      const content = JSON.parse(opened) as Pick<ClaimedMail, 'subject' | 'text' | 'link'>
      return { ...row, claim, ...content, link: content.link ?? null }
    } catch {
      const reason = 'what it says cannot be opened with the keys of this daemon'
      await this.settle({ id: row.id, claim }, { kind: 'failed', reason })
      return null
    }
  }

  async settle(mail: Pick<ClaimedMail, 'id' | 'claim'>, settled: MailSettled): Promise<void> {
    const isOver = settled.kind !== 'later'
    const status = isOver ? settled.kind : 'waiting'
    const reason = settled.kind === 'sent' ? null : settled.reason
    const afterMs = settled.kind === 'later' ? settled.afterMs : 0
    await sql`
      update mail set status = ${status}, reason = ${reason}::text, attempts = attempts + 1,
        content = case when ${isOver}::boolean then null else content end,
        settled_at = case when ${isOver}::boolean then clock_timestamp() end,
        due_at = clock_timestamp() + make_interval(secs => ${afterMs / 1_000}::float8),
        claim = null, claimed_until = null
      where id = ${mail.id}::uuid and claim = ${mail.claim}::uuid`
      .execute(this.#database.kysely)
      .catch(rethrow)
  }

  async list(limit: number): Promise<readonly ListedMail[]> {
    const rows = await this.#database.kysely
      .selectFrom('mail')
      .select(['id', 'kind', 'recipient', 'status', 'reason', 'attempts', 'created_at'])
      .orderBy('created_at', 'desc')
      .orderBy('id')
      .limit(limit)
      .execute()
      .catch(rethrow)
    return rows.map(({ created_at, status, ...row }) => ({
      ...row,
      status: status as ListedMail['status'],
      createdAtMs: created_at.getTime(),
    }))
  }
}

interface ClaimedRow {
  readonly id: string
  readonly kind: string
  readonly recipient: string
  readonly content: Buffer
  readonly attempts: number
}

/** A password is not shown, so it must not be sent to wherever somebody says either. */
function refuseElsewhere(before: MailSettings, after: MailSettings): void {
  const changed = (['host', 'port', 'tls', 'user', 'ca'] as const).filter(
    (name) => before[name] !== after[name],
  )
  if (changed.length === 0) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `the password kept is for the server as it was, and this changes ${changed.join(', ')}: give the password again`,
  )
}

function passwordPlace(id: string): Place {
  return { table: 'settings', column: 'mail_password', row: id }
}
