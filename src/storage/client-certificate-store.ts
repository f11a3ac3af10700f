import { sql } from 'kysely'
import type { RevocationReason } from '../directory/client-certificate.ts'
import { DirectoryError } from '../directory/errors.ts'
import { foldText } from '../directory/fold.ts'
import { type ClientAuthorityId, type ClientCertificateId, makeId } from '../directory/id.ts'
import {
  type ClientCertificateStore,
  MAX_CLIENT_AUTHORITIES,
  MAX_CLIENT_CERTIFICATES,
  type NewClientAuthority,
  type NewClientCertificate,
} from '../directory/ports/certificates.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { sealAuthorityKey } from './entities/certificates.ts'
import { violatedConstraint } from './fault.ts'
import { journal } from './journal.ts'
import { lockLiving } from './proof-rows.ts'
import type { Keys } from './sealing.ts'
import { type Tx, writeOnce, writeOne } from './written.ts'

const NEXT_VERSION = sql<number>`nextval('entity_version')`

interface ChangedCertificate {
  readonly id: string
  readonly version: number
  readonly principal_id: string
  readonly label: string
  readonly serial: string
}

export class PostgresClientCertificateStore implements ClientCertificateStore {
  readonly #database: Database
  readonly #keys: Keys

  constructor(database: Database, keys: Keys) {
    this.#database = database
    this.#keys = keys
  }

  async addAuthority(authority: NewClientAuthority, actor: Actor) {
    try {
      const { value, inboxSeq } = await this.#database.write((tx) =>
        this.#insertAuthority(tx, authority, actor),
      )
      return { id: value, changed: value === null ? 0 : 1, inboxSeq }
    } catch (cause) {
      if (violatedConstraint(cause) === null) throw cause
      throw new DirectoryError(
        'DIRECTORY_CONFLICT',
        `an authority named ${authority.name}, or the same certificate, is here already: see \`gatehouse ca list\``,
        { cause },
      )
    }
  }

  updateAuthority(
    id: ClientAuthorityId,
    change: Parameters<ClientCertificateStore['updateAuthority']>[1],
    actor: Actor,
  ): Promise<Written> {
    const { matching, crlUrl } = change
    return this.#changeAuthority(id, actor, {
      after: change,
      values: {
        ...(matching === undefined ? {} : { matching: JSON.stringify(matching) }),
        ...(crlUrl === undefined ? {} : { crl_url: crlUrl, crl_error: null }),
      },
    })
  }

  removeAuthority(id: ClientAuthorityId, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const rows = await tx
        .deleteFrom('client_authority')
        .where('id', '=', id)
        .where('private_key', 'is', null)
        .returning('name')
        .execute()
      for (const after of rows)
        journal(tx, { kind: 'client-authority', entity: id, actor, detail: { before: after } })
      return rows.length
    })
  }

  putCrl(
    id: ClientAuthorityId,
    outcome: Parameters<ClientCertificateStore['putCrl']>[1],
    actor: Actor,
  ): Promise<Written> {
    if ('error' in outcome)
      return this.#changeAuthority(id, actor, {
        after: { crlError: outcome.error },
        values: { crl_error: outcome.error },
      })
    return this.#changeAuthority(id, actor, {
      after: { crlBytes: outcome.crl.length },
      values: { crl: outcome.crl, crl_taken_at: sql`clock_timestamp()`, crl_error: null },
    })
  }

  addCertificate(certificate: NewClientCertificate, actor: Actor) {
    return writeOne(this.#database, async (tx) => {
      await lockLiving(tx, certificate.principalId)
      await requireRoom(tx, certificate.principalId)
      const id = makeId<ClientCertificateId>()
      const row = await tx
        .insertInto('client_certificate')
        .values({
          id,
          principal_id: certificate.principalId,
          label: certificate.label,
          authority_id: certificate.authorityId,
          serial: certificate.serial,
          fingerprint: certificate.fingerprint,
          not_before: new Date(certificate.notBeforeMs),
          not_after: new Date(certificate.notAfterMs),
        })
        .returning(['id', 'version', 'principal_id', 'label', 'serial'])
        .executeTakeFirstOrThrow()
      noteCertificates(tx, [row], actor)
      return id
    })
  }

  revokeCertificate(
    id: ClientCertificateId,
    reason: RevocationReason,
    actor: Actor,
  ): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const rows = await tx
        .updateTable('client_certificate')
        .set({ revoked_at: sql`clock_timestamp()`, reason, version: NEXT_VERSION })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .returning(['id', 'version', 'principal_id', 'label', 'serial'])
        .execute()
      noteCertificates(tx, rows, actor, { revoked: reason })
      return rows.length
    })
  }

  async #insertAuthority(tx: Tx, authority: NewClientAuthority, actor: Actor) {
    await requireFewAuthorities(tx)
    const id = makeId<ClientAuthorityId>()
    const { name, certificate, fingerprint, privateKey, matching, crlUrl } = authority
    const sealed = privateKey === null ? null : sealAuthorityKey(this.#keys, id, privateKey)
    const insertion = tx.insertInto('client_authority').values({
      id,
      name,
      name_folded: foldText(name),
      certificate,
      fingerprint,
      private_key: sealed,
      matching: JSON.stringify(matching),
      crl_url: crlUrl,
    })
    const row = await (privateKey === null
      ? insertion
      : insertion.onConflict((conflict) =>
          conflict.expression(sql`(true)`).where('private_key', 'is not', null).doNothing(),
        )
    )
      .returning('version')
      .executeTakeFirst()
    if (row === undefined) return null
    const detail = { after: { name, fingerprint, matching } }
    journal(tx, { kind: 'client-authority', entity: id, version: row.version, actor, detail })
    return id
  }

  #changeAuthority(
    id: ClientAuthorityId,
    actor: Actor,
    { values, after }: { readonly values: object; readonly after: object },
  ): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const row = await tx
        .updateTable('client_authority')
        .set({ ...values, version: NEXT_VERSION })
        .where('id', '=', id)
        .returning('version')
        .executeTakeFirst()
      if (row === undefined)
        throw new DirectoryError('DIRECTORY_NOT_FOUND', 'there is no authority with such an id')
      const { version } = row
      journal(tx, { kind: 'client-authority', entity: id, version, actor, detail: { after } })
      return 1
    })
  }
}

/** The journal says of which certificate, and whose. */
function noteCertificates(
  tx: Tx,
  changed: readonly ChangedCertificate[],
  actor: Actor,
  after: Readonly<Record<string, unknown>> = {},
): void {
  for (const { id, version, principal_id: principal, label, serial } of changed) {
    const detail = { principal, label, serial, ...after }
    journal(tx, { kind: 'client-certificate', entity: id, version, actor, detail })
  }
}

/** With the principal locked nobody else takes the last place. */
async function requireRoom(tx: Tx, principalId: string): Promise<void> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from client_certificate
    where principal_id = ${principalId}::uuid and revoked_at is null
      and not_after > clock_timestamp()`.execute(tx)
  if ((rows[0]?.count ?? 0) < MAX_CLIENT_CERTIFICATES) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `nobody has more than ${MAX_CLIENT_CERTIFICATES} certificates: revoke one that is of no more use`,
  )
}

async function requireFewAuthorities(tx: Tx): Promise<void> {
  await sql`lock table client_authority in share row exclusive mode`.execute(tx)
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from client_authority where private_key is null`.execute(tx)
  if ((rows[0]?.count ?? 0) < MAX_CLIENT_AUTHORITIES) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `there are ${MAX_CLIENT_AUTHORITIES} authorities already: remove one of them first`,
  )
}
