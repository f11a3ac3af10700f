import type { Guest } from './guest.ts'
import type { PrincipalId } from './id.ts'
import { KeyedTable } from './keyed-table.ts'

const NONE: Iterable<PrincipalId> = []

/** Guests by id and by name, and who vouches for whom. */
export class GuestTable extends KeyedTable<Guest> {
  readonly #vouchedFor = new Map<string, Set<PrincipalId>>()

  constructor() {
    super(({ name }) => name)
  }

  /** Those that were removed left out: nothing more becomes of them. */
  idsBySponsor(sponsorId: string): Iterable<PrincipalId> {
    return this.#vouchedFor.get(sponsorId) ?? NONE
  }

  override put(guest: Guest): void {
    super.put(guest)
    const { id, sponsorId, revokedAtMs } = guest
    if (sponsorId === null || revokedAtMs !== null) return
    const others = this.#vouchedFor.get(sponsorId)
    if (others === undefined) this.#vouchedFor.set(sponsorId, new Set([id]))
    else others.add(id)
  }

  override delete(id: string): void {
    const held = this.byId(id)
    super.delete(id)
    if (held === null || held.sponsorId === null) return
    const others = this.#vouchedFor.get(held.sponsorId)
    if (others?.delete(held.id) && others.size === 0) this.#vouchedFor.delete(held.sponsorId)
  }
}
