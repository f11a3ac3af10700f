import { sql } from 'kysely'
import type { Test } from 'tap'
import type { Microsoft365 } from '../../simulators/microsoft365/index.ts'
import type { PrincipalId } from '../../src/directory/id.ts'
import type { Database } from '../../src/storage/connection.ts'

export interface Who {
  readonly id: PrincipalId
  readonly externalId: string
}
interface Sides {
  readonly db: Database
  readonly sourceId: string
  readonly tenant: Microsoft365
}

/** Eleven minutes: claims and waits have ended, and no replica lags any more. */
export async function elapse({ db, tenant }: Pick<Sides, 'db' | 'tenant'>): Promise<void> {
  const ago = sql`interval '11 minutes'`
  await sql`update push set written_at = written_at - ${ago}, changed_at = changed_at - ${ago}`.execute(
    db.kysely,
  )
  await sql`
      update push_dirty set due_at = due_at - ${ago}, claimed_until = claimed_until - ${ago}`.execute(
    db.kysely,
  )
  tenant.advance(660_000)
}

/** Whether one person is the same on both sides, by the rules of who decides what. */
export async function compareSides(
  t: Test,
  { db, sourceId, tenant }: Sides,
  { id, externalId }: Who,
): Promise<void> {
  const version = tenant.tenant.find(externalId)?.versions.at(-1)
  if (version?.state !== 'live') return
  const there = version.properties
  const { rows } = await sql<{
    lifecycle: string
    isDeletedHere: boolean
    title: string | null
    mail: string | null
    names: readonly string[]
    holds: readonly string[]
    contested: readonly string[]
    unsettled: number
  }>`
    select pr.lifecycle, pr.is_deleted_here as "isDeletedHere", p.job_title as title, p.mail,
      array(select folded from login_name where principal_id = p.id
        union select folded from login_name_conflict where principal_id = p.id) as names,
      array(select reason from hold where principal_id = p.id) as holds,
      array(select attribute from push where principal_id = p.id and status = 'contested')
        as contested,
      (select count(*)::integer from push where principal_id = p.id
        and status in ('sending', 'undecided')) as unsettled
    from person p join principal pr on pr.id = p.id where p.id = ${id}::uuid`.execute(db.kysely)
  const [row] = rows
  if (row === undefined) throw new Error('nobody is ever lost')
  const { lifecycle, isDeletedHere, names, title, mail, holds, contested, unsettled } = row
  t.equal(unsettled, 0, 'nothing is left undecided')
  t.equal(lifecycle, isDeletedHere ? 'deleted' : 'active', 'whom the tenant shows lives, or not')
  t.equal(names.length === 0, isDeletedHere, 'the dead answer to no name')
  if (isDeletedHere) {
    if (!contested.includes('enabled'))
      t.notOk(there['accountEnabled'], 'whom we deleted is disabled there')
    return
  }
  if (!contested.includes('jobTitle')) t.equal(title, there['jobTitle'] ?? null, 'one title')
  if (!contested.includes('mail')) t.equal(mail, there['mail'] ?? null, 'one address')
  t.ok(mail === null || names.includes(mail.toLowerCase()), 'which she is found by')
  const isEnabled = there['accountEnabled'] === true
  if (holds.includes('admin')) {
    if (!contested.includes('enabled')) t.notOk(isEnabled, 'whom we hold is disabled there')
  } else {
    const isHeld = holds.includes(`source:${sourceId}`)
    t.equal(isHeld, !isEnabled, 'whom the tenant disables is held here, and nobody else')
  }
}
