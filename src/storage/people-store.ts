import { sql } from 'kysely'
import type { Edits, MasteredName } from '../directory/attributes.ts'
import { DirectoryError } from '../directory/errors.ts'
import { foldText } from '../directory/fold.ts'
import type { HoldReason } from '../directory/hold.ts'
import type { PrincipalId } from '../directory/id.ts'
import { prepareUsername } from '../directory/names.ts'
import type { Person } from '../directory/person.ts'
import type {
  Actor,
  CutOffList,
  DatedAct,
  DeletedPerson,
  HoldOptions,
  Meant,
  NewDate,
  PeopleStore,
  Ties,
  Written,
} from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { countCutOffs } from './cut-offs.ts'
import { peopleReader } from './entities/people.ts'
import { hintDenial, journal } from './journal.ts'
import { keepOwner } from './last-owner.ts'
import { cancelDate, isNewDate, listDates, setDate, tellRefused } from './lifecycle-dates.ts'
import { checkNameIsFree, quarantineName } from './name-quarantine.ts'
import { deletePeople, listDeleted, refuseAnyLost, restoreDeleted } from './person-deletion.ts'
import { type Edited, editPerson, yieldAttributes } from './person-edits.ts'
import { alike, refuseProtected, requirePrincipals, touch } from './principal-rows.ts'
import { REMOVAL_BATCH } from './sync-batch.ts'
import { claimedNames, writeLoginNames } from './sync-login-names.ts'
import { readTies } from './ties.ts'
import { type Tx, writeInChunks, writeOnce } from './written.ts'

const MAX_SSH_KEYS = 64
const MAX_SSH_KEY_CHARACTERS = 16_384
/** An authorized_keys line without options, sshd(8). */
const SSH_KEY =
  /^(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,2}(?: [^\r\n]*)?$/

export class PostgresPeopleStore implements PeopleStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async read(id: PrincipalId): Promise<Person | null> {
    const [found] = await peopleReader.read(this.#database.kysely, [id])
    return found?.value.kind === 'person' ? found.value : null
  }

  activate(ids: readonly PrincipalId[], actor: Actor): Promise<Written> {
    return writeInChunks(this.#database, ids, async (tx, chunk) => {
      await requirePrincipals(tx, chunk)
      const { rows } = await sql<{ id: string }>`
        update principal set lifecycle = 'active'
        where id = any (${chunk}::uuid[]) and lifecycle = 'staged' returning id`.execute(tx)
      const detail = { before: { lifecycle: 'staged' }, after: { lifecycle: 'active' } }
      return touch(tx, rows, actor, alike(rows, detail))
    })
  }

  async hold(
    ids: readonly PrincipalId[],
    reason: HoldReason,
    options: HoldOptions,
  ): Promise<Written> {
    await this.#refuseProtected(ids, options)
    const { actor, count = null } = options
    const changes = sql<boolean>`not ${isHeld(reason)}`
    return writeInChunks(this.#database, ids, async (tx, chunk) => {
      if (chunk[0] === ids[0])
        await countCutOffs(tx, { ids, changes, verb: 'suspends', actor, count })
      await requirePrincipals(tx, chunk)
      if (options.includesProtected !== true) await refuseProtected(tx, chunk)
      const { rows } = await sql<{ id: string }>`
        insert into hold (principal_id, reason, note)
        select id, ${reason}, ${options.note} from unnest(${chunk}::uuid[]) as asked (id)
        on conflict do nothing returning principal_id as id`.execute(tx)
      await keepOwner(tx)
      for (const { id } of rows) hintDenial(tx, id)
      const detail = { before: { hold: null }, after: { hold: reason } }
      return touch(tx, rows, actor, alike(rows, detail))
    })
  }

  release(ids: readonly PrincipalId[], reason: HoldReason, actor: Actor): Promise<Written> {
    return writeInChunks(this.#database, ids, async (tx, chunk) => {
      await requirePrincipals(tx, chunk)
      const { rows } = await sql<{ id: string }>`
        delete from hold where principal_id = any (${chunk}::uuid[]) and reason = ${reason}
        returning principal_id as id`.execute(tx)
      const detail = { before: { hold: reason }, after: { hold: null } }
      return touch(tx, rows, actor, alike(rows, detail))
    })
  }

  async delete(ids: readonly PrincipalId[], actor: Actor, options: Meant = {}): Promise<Written> {
    await this.#refuseProtected(ids, options)
    const { count = null } = options
    const cutOffs = { ids, changes: sql<boolean>`true`, verb: 'deletes', actor, count }
    const run = async (tx: Tx, chunk: readonly PrincipalId[]) => {
      if (chunk[0] === ids[0]) await countCutOffs(tx, cutOffs)
      if (options.includesProtected !== true) await refuseProtected(tx, chunk)
      return deletePeople(tx, chunk, actor)
    }
    return writeInChunks(this.#database, ids, run, REMOVAL_BATCH)
  }

  async allowCutOffs(whom: CutOffList, actor: Actor, count: Meant['count'] = null): Promise<void> {
    const { suspended, deleted, leaving } = whom
    const ids = [...suspended, ...deleted, ...leaving]
    if (ids.length === 0) return
    const changes = sql<boolean>`(p.id = any (${[...deleted, ...leaving]}::uuid[])
      or not ${isHeld('admin')})`
    const cutOffs = { ids, changes, verb: 'takes access from', actor, count }
    await this.#database.write((tx) => countCutOffs(tx, cutOffs))
  }

  async restore(ids: readonly PrincipalId[], actor: Actor): Promise<Written> {
    await refuseAnyLost(this.#database.kysely, ids)
    const run = (tx: Tx, chunk: readonly PrincipalId[]) => restoreDeleted(tx, chunk, actor)
    return writeInChunks(this.#database, ids, run, REMOVAL_BATCH)
  }

  /** The whole list before its first chunk is written; each chunk asks once more, under lock. */
  async #refuseProtected(ids: readonly PrincipalId[], options: Meant): Promise<void> {
    if (options.includesProtected !== true) await refuseProtected(this.#database.kysely, ids)
  }

  deleted(filter: {
    readonly name: string | null
    readonly limit: number
  }): Promise<readonly DeletedPerson[]> {
    return listDeleted(this.#database, filter)
  }

  protect(ids: readonly PrincipalId[], isProtected: boolean, actor: Actor): Promise<Written> {
    return writeInChunks(this.#database, ids, async (tx, chunk) => {
      await requirePrincipals(tx, chunk)
      const { rows } = await sql<{ id: string }>`
        update principal set is_protected = ${isProtected}
        where id = any (${chunk}::uuid[]) and is_protected <> ${isProtected}
        returning id`.execute(tx)
      // Nothing that is served has changed: a decision, which stands for itself.
      const kind = isProtected ? 'admin.protected' : 'admin.unprotected'
      for (const { id } of rows) journal(tx, { kind, entity: id, actor })
      if (!isProtected)
        await tellRefused(
          tx,
          rows.map(({ id }) => id),
        )
      return rows.length
    })
  }

  setDate(
    id: PrincipalId,
    date: NewDate,
    actor: Actor,
    { count = null }: Pick<Meant, 'count'> = {},
  ): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      if (date.act !== 'activate') {
        const verb = `sets a date to ${date.act} for`
        await countCutOffs(tx, { ids: [id], changes: isNewDate(date), verb, actor, count })
      }
      return await setDate(tx, id, date, actor)
    })
  }

  cancelDate(id: PrincipalId, act: DatedAct, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, (tx) => cancelDate(tx, id, act, actor))
  }

  dates(limit: number) {
    return listDates(this.#database, limit)
  }

  ties(ids: readonly PrincipalId[]): Promise<ReadonlyMap<PrincipalId, Ties>> {
    return readTies(this.#database, ids)
  }

  async rename(id: PrincipalId, username: string, actor: Actor): Promise<Written> {
    const prepared = prepareUsername(username)
    if (prepared === null) {
      throw new DirectoryError(
        'DIRECTORY_REFUSED',
        'a username begins with a letter and has up to 32 of a-z, 0-9, dot, hyphen, underscore',
      )
    }
    return writeOnce(this.#database, async (tx) => {
      const person = await readForRename(tx, id)
      if (person.username === prepared) return 0
      const folded = foldText(prepared)
      await checkNameIsFree(tx, 'username', { folded, owner: id })
      await tx
        .updateTable('person')
        .set({ username: prepared, username_folded: folded, changed_at: sql`clock_timestamp()` })
        .where('id', '=', id)
        .execute()
      await quarantineName(tx, 'username', { folded: person.username_folded, owner: id })
      const names = claimedNames({
        username: prepared,
        userPrincipalName: person.user_principal_name,
        mail: person.mail,
      })
      const others = await writeLoginNames(tx, [{ principalId: id, names }])
      const touched = [id, ...others].map((each) => ({ id: each }))
      return touch(tx, touched, actor, {
        [id]: { before: { username: person.username }, after: { username: prepared } },
      })
    })
  }

  async edit(id: PrincipalId, edits: Edits, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      await requirePrincipals(tx, [id])
      const edited = await editPerson(tx, id, edits)
      return touchEdited(tx, { id, edited }, actor)
    })
  }

  async yield(
    id: PrincipalId,
    attributes: readonly MasteredName[],
    actor: Actor,
  ): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      await requirePrincipals(tx, [id])
      const edited = await yieldAttributes(tx, id, attributes)
      return touchEdited(tx, { id, edited }, actor)
    })
  }

  async setSshPublicKeys(id: PrincipalId, keys: readonly string[], actor: Actor): Promise<Written> {
    checkSshKeys(keys)
    return writeOnce(this.#database, async (tx) => {
      await requirePrincipals(tx, [id])
      const { rows } = await sql<{ id: string }>`
        update person set ssh_public_keys = ${keys}::text[], changed_at = clock_timestamp()
        where id = ${id} and ssh_public_keys is distinct from ${keys}::text[]
        returning id`.execute(tx)
      return touch(tx, rows, actor)
    })
  }

  noteUnlock(id: PrincipalId, failures: number, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      await requirePrincipals(tx, [id])
      // Nothing of hers has changed: a decision, which stands for itself.
      journal(tx, { kind: 'admin.unlock', entity: id, actor, detail: { failures } })
      return 1
    })
  }
}

/** Of `principal p`. */
function isHeld(reason: HoldReason) {
  return sql`exists (select from hold h where h.principal_id = p.id and h.reason = ${reason})`
}

function touchEdited(
  tx: Tx,
  what: { readonly id: string; readonly edited: Edited | null },
  actor: Actor,
): Promise<number> {
  const { id, edited } = what
  if (edited === null) return Promise.resolve(0)
  const { before, after, others } = edited
  const touched = [id, ...others].map((each) => ({ id: each }))
  return touch(tx, touched, actor, { [id]: { before, after } })
}

async function readForRename(tx: Tx, id: string) {
  await requirePrincipals(tx, [id])
  const person = await tx
    .selectFrom('person')
    .select(['username', 'username_folded', 'user_principal_name', 'mail'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (!person) throw new DirectoryError('DIRECTORY_NOT_FOUND', 'there is no person with such an id')
  return person
}

function checkSshKeys(keys: readonly string[]): void {
  const isValid =
    keys.length <= MAX_SSH_KEYS &&
    keys.every((key) => key.length <= MAX_SSH_KEY_CHARACTERS && SSH_KEY.test(key))
  if (isValid) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `each SSH key is one line as in an .pub file, and there are at most ${MAX_SSH_KEYS}`,
  )
}
