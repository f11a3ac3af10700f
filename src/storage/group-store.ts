import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import { foldText } from '../directory/fold.ts'
import type { Group } from '../directory/group.ts'
import { type GroupId, makeId } from '../directory/id.ts'
import { GROUP_NAME_PATTERN } from '../directory/names.ts'
import type {
  Actor,
  GroupMaster,
  GroupMastery,
  GroupPushes,
  GroupStore,
  Written,
} from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { groupsReader } from './entities/groups.ts'
import { violatedConstraint } from './fault.ts'
import { approveRemovals, readMastery, readPushes, setMaster } from './group-mastery.ts'
import { journal } from './journal.ts'
import { type Member, writeMembers } from './memberships.ts'
import { checkNameIsFree, quarantineName } from './name-quarantine.ts'
import { allocateNumbers } from './sync-posix.ts'
import { type Tx, writeInChunks, writeOnce, writeOne } from './written.ts'

export class PostgresGroupStore implements GroupStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async read(id: GroupId): Promise<Group | null> {
    const [found] = await groupsReader.read(this.#database.kysely, [id])
    return found?.value.kind === 'group' ? found.value : null
  }

  async create(
    group: Parameters<GroupStore['create']>[0],
    actor: Actor,
  ): Promise<Written & { readonly id: GroupId }> {
    if (!GROUP_NAME_PATTERN.test(group.name)) {
      throw new DirectoryError(
        'DIRECTORY_REFUSED',
        'a group name begins with a letter or digit and has up to 64 of a-z, 0-9, dot, hyphen, underscore',
      )
    }
    try {
      return await writeOne(this.#database, (tx) => insertGroup(tx, group, actor))
    } catch (cause) {
      if (violatedConstraint(cause) !== 'directory_group_name') throw cause
      throw new DirectoryError('DIRECTORY_CONFLICT', `the name ${group.name} is taken`, { cause })
    }
  }

  remove(id: GroupId, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, async (tx) => {
      const group = await lockGroup(tx, id)
      if (group.lifecycle === 'deleted') return 0
      requireStatic(group)
      const { version } = await tx
        .updateTable('directory_group')
        .set({
          lifecycle: 'deleted',
          deleted_at: sql`clock_timestamp()`,
          changed_at: sql`clock_timestamp()`,
          version: sql`nextval('entity_version')`,
        })
        .where('id', '=', id)
        .returning('version')
        .executeTakeFirstOrThrow()
      await quarantineName(tx, 'group', { folded: group.name_folded, owner: id })
      journal(tx, { kind: 'group', entity: id, version, actor })
      return 1
    })
  }

  addMembers(id: GroupId, members: readonly string[], actor: Actor): Promise<Written> {
    return this.#changeMembers(id, members, { isMember: true, actor })
  }

  removeMembers(id: GroupId, members: readonly string[], actor: Actor): Promise<Written> {
    return this.#changeMembers(id, members, { isMember: false, actor })
  }

  mastery(id: GroupId): Promise<GroupMastery | null> {
    return readMastery(this.#database.kysely, id)
  }

  pushes(id: GroupId, limit: number): Promise<GroupPushes> {
    return readPushes(this.#database.kysely, id, limit)
  }

  setMaster(id: GroupId, master: GroupMaster, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, (tx) => setMaster(tx, id, { master, actor }))
  }

  approveRemovals(id: GroupId, count: number, actor: Actor): Promise<Written> {
    return writeOnce(this.#database, (tx) => approveRemovals(tx, id, { count, actor }))
  }

  #changeMembers(
    id: GroupId,
    members: readonly string[],
    options: { readonly isMember: boolean; readonly actor: Actor },
  ): Promise<Written> {
    return writeInChunks(this.#database, [...new Set(members)], async (tx, chunk) => {
      const group = await lockGroup(tx, id)
      if (group.lifecycle === 'deleted') throw notFound('group')
      const isDecided = group.origin === 'mirrored' && (await isDecidedHere(tx, id))
      const isOurs =
        isDecided ||
        (group.origin === 'mirrored' &&
          !options.isMember &&
          !(await isNamedBySource(tx, group.no, chunk)))
      if (!isOurs) requireStatic(group)
      const found = await findMembers(tx, chunk, options.isMember)
      if (isDecided) refuseGroups(found)
      if (options.isMember && found.some(({ no }) => no === group.no)) {
        throw new DirectoryError('DIRECTORY_REFUSED', 'a group cannot be a member of itself')
      }
      return writeMembers(tx, { id, no: group.no }, { ...options, members: found })
    })
  }
}

async function isDecidedHere(tx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`
    select from source_link where group_id = ${id}::uuid and members_here
      and removed_at is null`.execute(tx)
  return rows.length > 0
}

function refuseGroups(members: readonly Member[]): void {
  if (members.every(({ kind }) => kind === 'person')) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    'groups within this group are its source’s: change them there',
  )
}

async function insertGroup(
  tx: Tx,
  group: Parameters<GroupStore['create']>[0],
  actor: Actor,
): Promise<GroupId> {
  const id = makeId<GroupId>()
  const folded = foldText(group.name)
  await checkNameIsFree(tx, 'group', { folded, owner: id })
  const [gidNumber] = await allocateNumbers(tx, 1)
  if (gidNumber === undefined) throw new Error('no number was allocated')
  const { version } = await tx
    .insertInto('directory_group')
    .values({
      id,
      name: group.name,
      name_folded: folded,
      display_name: group.displayName,
      display_name_folded: foldText(group.displayName),
      description: group.description,
      origin: 'static',
      gid_number: gidNumber,
      lifecycle: 'active',
    })
    .returning('version')
    .executeTakeFirstOrThrow()
  journal(tx, { kind: 'group', entity: id, version, actor })
  return id
}

async function lockGroup(tx: Tx, id: string) {
  const group = await tx
    .selectFrom('directory_group')
    .select(['no', 'origin', 'lifecycle', 'name_folded'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
  if (!group) throw notFound('group')
  return group
}

function requireStatic(group: { readonly origin: string }): void {
  if (group.origin === 'static') return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    group.origin === 'mirrored'
      ? 'this group comes from a source, which masters it: change it there, or decide on its people here (gatehouse group master)'
      : 'this group is made by a rule; change the rule',
  )
}

/**
 * Whether a source says that one of them is a member. Whoever came into its group while it was
 * disconnected, and is unknown to it, can be taken out here alone.
 */
async function isNamedBySource(
  tx: Tx,
  groupNo: number,
  members: readonly string[],
): Promise<boolean> {
  const { rows } = await sql`
    select 1 from directory_group g
    join source_link gl on gl.group_id = g.id and gl.removed_at is null
    join source_link ml on ml.source_id = gl.source_id
      and (ml.principal_id = any (${members}::uuid[]) or ml.group_id = any (${members}::uuid[]))
    where g.no = ${groupNo} limit 1`.execute(tx)
  return rows.length > 0
}

/** The living only when they are to become members. */
async function findMembers(
  tx: Tx,
  ids: readonly string[],
  mustLive: boolean,
): Promise<readonly Member[]> {
  const { rows } = await sql<Member & { readonly lives: boolean }>`
    select pr.no, 'person' as kind, pr.lifecycle <> 'deleted' as lives
    from principal pr join person p on p.id = pr.id where pr.id = any (${ids}::uuid[])
    union all
    select g.no, 'group', g.lifecycle <> 'deleted'
    from directory_group g where g.id = any (${ids}::uuid[])`.execute(tx)
  const found = rows.filter((row) => row.lives || !mustLive)
  if (found.length < ids.length) throw notFound('person or group')
  return found
}

function notFound(what: string): DirectoryError {
  return new DirectoryError('DIRECTORY_NOT_FOUND', `there is no ${what} with such an id`)
}
