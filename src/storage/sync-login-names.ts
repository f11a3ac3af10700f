import { sql } from 'kysely'
import { foldText } from '../directory/fold.ts'
import type { Tx } from './sync-batch.ts'

/** Every name a person should be found by; empty for one who is gone. */
export interface NameClaims {
  readonly principalId: string
  readonly names: ReadonlyMap<string, NameKind>
}

export type NameKind = 'username' | 'upn' | 'mail'

/** In the order of their weight: a UPN that is also the mail address counts as the UPN. */
export function claimedNames(person: {
  readonly username: string
  readonly userPrincipalName: string | null
  readonly mail: string | null
}): ReadonlyMap<string, NameKind> {
  const names = new Map<string, NameKind>([[foldText(person.username), 'username']])
  for (const [kind, address] of [
    ['upn', person.userPrincipalName],
    ['mail', person.mail],
  ] as const) {
    // Without an @ it could be mistaken for somebody's username.
    if (address === null || !address.includes('@')) continue
    const folded = foldText(address)
    if (!names.has(folded)) names.set(folded, kind)
  }
  return names
}

interface OwnedName {
  readonly folded: string
  readonly principal_id: string
  readonly kind: NameKind
  readonly is_contested: boolean
}

interface Rival {
  readonly folded: string
  readonly principal_id: string
  readonly kind: NameKind
}

/**
 * Makes each person own, or contest, exactly the names claimed. A name somebody else owns is
 * contested from then on and leads to nobody; when its owner lets go, the oldest rival has it.
 *
 * @returns other principals for whom a name began or ceased to work
 */
export async function writeLoginNames(
  tx: Tx,
  claims: readonly NameClaims[],
): Promise<ReadonlySet<string>> {
  if (claims.length === 0) return new Set()
  const table = await readTable(tx, claims)
  for (const claim of claims) table.release(claim)
  for (const claim of claims) table.claim(claim)
  await table.write(tx)
  return table.affected(new Set(claims.map((claim) => claim.principalId)))
}

async function readTable(tx: Tx, claims: readonly NameClaims[]): Promise<NameTable> {
  const ids = claims.map((claim) => claim.principalId)
  const wanted = claims.flatMap((claim) => [...claim.names.keys()])
  const owned = await sql<OwnedName>`
    select folded, principal_id, kind, is_contested from login_name
    where principal_id = any(${ids}::uuid[])
    union
    select folded, principal_id, kind, is_contested from login_name
    where folded = any(${wanted}::text[])`.execute(tx)
  const folded = owned.rows.map((row) => row.folded)
  // Nobody can have a rival for a name that nobody owns.
  const rivals = await sql<Rival>`
    select folded, principal_id, kind from login_name_conflict
    where folded = any(${folded}::text[]) or principal_id = any(${ids}::uuid[])
    order by since, principal_id`.execute(tx)
  return new NameTable(owned.rows, rivals.rows)
}

class NameTable {
  readonly #before: ReadonlyMap<string, OwnedName>
  readonly #rivalsBefore: readonly Rival[]
  readonly #owners: Map<string, OwnedName>
  readonly #rivals = new Map<string, Rival[]>()

  constructor(owned: readonly OwnedName[], rivals: readonly Rival[]) {
    this.#before = new Map(owned.map((row) => [row.folded, row]))
    this.#owners = new Map(this.#before)
    this.#rivalsBefore = rivals
    for (const rival of rivals) {
      this.#rivals.set(rival.folded, [...(this.#rivals.get(rival.folded) ?? []), rival])
    }
  }

  /** Gives up what is no longer claimed; the oldest rival, if any, takes it over. */
  release(claim: NameClaims): void {
    for (const [folded, rivals] of this.#rivals) {
      const kept = rivals.filter(
        (rival) => rival.principal_id !== claim.principalId || claim.names.has(folded),
      )
      this.#rivals.set(folded, kept)
    }
    for (const [folded, owner] of this.#owners) {
      if (owner.principal_id !== claim.principalId || claim.names.has(folded)) continue
      const [heir, ...others] = this.#rivals.get(folded) ?? []
      this.#rivals.set(folded, others)
      if (heir) this.#owners.set(folded, { ...heir, is_contested: others.length > 0 })
      else this.#owners.delete(folded)
    }
  }

  claim(claim: NameClaims): void {
    const { principalId } = claim
    for (const [folded, kind] of claim.names) {
      const owner = this.#owners.get(folded)
      if (!owner || owner.principal_id === principalId) {
        const isContested = (this.#rivals.get(folded) ?? []).length > 0
        const row = { folded, principal_id: principalId, kind, is_contested: isContested }
        this.#owners.set(folded, row)
        continue
      }
      const others = this.#rivals.get(folded) ?? []
      const without = others.filter((rival) => rival.principal_id !== principalId)
      const own = others.find((rival) => rival.principal_id === principalId)
      const rival = own?.kind === kind ? own : { folded, principal_id: principalId, kind }
      this.#rivals.set(folded, [...without, rival])
    }
  }

  #recount(): void {
    for (const [folded, rivals] of this.#rivals) {
      const owner = this.#owners.get(folded)
      const isContested = rivals.length > 0
      if (owner && owner.is_contested !== isContested) {
        this.#owners.set(folded, { ...owner, is_contested: isContested })
      }
    }
  }

  affected(own: ReadonlySet<string>): ReadonlySet<string> {
    this.#recount()
    const others = new Set<string>()
    for (const folded of new Set([...this.#before.keys(), ...this.#owners.keys()])) {
      const before = this.#before.get(folded)
      const after = this.#owners.get(folded)
      if (sameName(before, after)) continue
      for (const row of [before, after]) {
        if (row && !own.has(row.principal_id)) others.add(row.principal_id)
      }
    }
    return others
  }

  async write(tx: Tx): Promise<void> {
    this.#recount()
    const gone = [...this.#before.keys()].filter((folded) => !this.#owners.has(folded))
    const put = [...this.#owners.values()].filter(
      (row) => !sameName(this.#before.get(row.folded), row),
    )
    await this.#writeRivals(tx)
    if (gone.length > 0) {
      await sql`delete from login_name where folded = any(${gone}::text[])`.execute(tx)
    }
    if (put.length === 0) return
    const known = put.filter((row) => this.#before.has(row.folded))
    const fresh = put.filter((row) => !this.#before.has(row.folded))
    if (known.length > 0) {
      await sql`
        update login_name n set principal_id = r.principal_id, kind = r.kind,
          is_contested = r.is_contested
        from jsonb_to_recordset(${JSON.stringify(known)}::jsonb)
          as r (folded text, principal_id uuid, kind text, is_contested boolean)
        where n.folded = r.folded`.execute(tx)
    }
    if (fresh.length > 0) {
      await sql`
        insert into login_name (folded, principal_id, kind, is_contested)
        select folded, principal_id, kind, is_contested
        from jsonb_to_recordset(${JSON.stringify(fresh)}::jsonb)
          as r (folded text, principal_id uuid, kind text, is_contested boolean)`.execute(tx)
    }
  }

  async #writeRivals(tx: Tx): Promise<void> {
    const key = (rival: Rival) => `${rival.folded}\n${rival.principal_id}\n${rival.kind}`
    const after = [...this.#rivals.values()].flat()
    const kept = new Set(after.map(key))
    const known = new Set(this.#rivalsBefore.map(key))
    const gone = this.#rivalsBefore.filter((rival) => !kept.has(key(rival)))
    const fresh = after.filter((rival) => !known.has(key(rival)))
    if (gone.length > 0) {
      await sql`
        delete from login_name_conflict c
        using jsonb_to_recordset(${JSON.stringify(gone)}::jsonb)
          as r (folded text, principal_id uuid, kind text)
        where c.folded = r.folded and c.principal_id = r.principal_id and c.kind = r.kind`.execute(
        tx,
      )
    }
    if (fresh.length > 0) {
      await sql`
        insert into login_name_conflict (folded, principal_id, kind)
        select folded, principal_id, kind
        from jsonb_to_recordset(${JSON.stringify(fresh)}::jsonb)
          as r (folded text, principal_id uuid, kind text) on conflict do nothing`.execute(tx)
    }
  }
}

function sameName(a: OwnedName | undefined, b: OwnedName | undefined): boolean {
  return (
    a?.principal_id === b?.principal_id &&
    a?.kind === b?.kind &&
    a?.is_contested === b?.is_contested
  )
}
