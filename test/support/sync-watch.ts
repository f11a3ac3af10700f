import { sql } from 'kysely'
import type { Database } from '../../src/storage/connection.ts'
import { imageOfDirectory } from './sync.ts'

/** Counts, from outside, who and what has gone since the history began: all within one window. */
export class RemovalWatch {
  readonly #db: Database
  readonly #sourceId: string
  readonly #people = new Map<string, boolean>()
  readonly #edges = new Set<string>()
  readonly #lost = new Map<string, number>()
  #most = 0

  constructor(db: Database, sourceId: string) {
    this.#db = db
    this.#sourceId = sourceId
  }

  async excess(): Promise<readonly string[]> {
    const { people, groups } = await imageOfDirectory(this.#db, this.#sourceId)
    this.#most = Math.max(this.#most, Object.keys(people).length)
    this.#countPeople(people)
    this.#countEdges(people, groups)
    const limit = (size: number) => Math.max(20, Math.floor(size * 0.05))
    const { rows } = await sql<{ n: number }>`select count(*) as n from removal_waiting`.execute(
      this.#db.kysely,
    )
    // Who has gone is a part of the whole that the share is of.
    const over = [...this.#lost].filter(([, count]) => count > limit(this.#most + count))
    return over.map(([what, count]) => `${what}: ${count} went, ${rows[0]?.n} wait`)
  }

  #countPeople(people: Readonly<Record<string, unknown>>): void {
    for (const [id, isActive] of this.#people) {
      const now = people[id] as { isHeld: boolean } | undefined
      if (now === undefined) this.#lose('people', id)
      else if (isActive && now.isHeld) this.#count('people')
    }
    for (const [id, image] of Object.entries(people)) {
      this.#people.set(id, !(image as { isHeld: boolean }).isHeld)
    }
  }

  #lose(what: string, id: string): void {
    this.#people.delete(id)
    this.#count(what)
  }

  #count(what: string): void {
    this.#lost.set(what, (this.#lost.get(what) ?? 0) + 1)
  }

  #countEdges(
    people: Readonly<Record<string, unknown>>,
    groups: Readonly<Record<string, unknown>>,
  ): void {
    const now = new Set<string>()
    for (const [group, image] of Object.entries(groups)) {
      for (const member of (image as { members: string[] }).members) now.add(`${group} ${member}`)
    }
    for (const edge of this.#edges) {
      const [group = '', member = ''] = edge.split(' ')
      const isEndThere = group in groups && (member in people || member in groups)
      if (!now.has(edge) && isEndThere) this.#count(`group ${group}`)
    }
    this.#edges.clear()
    for (const edge of now) this.#edges.add(edge)
  }
}
