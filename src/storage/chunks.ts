/** Entities changed in one transaction: half of the budget of 500, as each may touch another. */
export const CHUNK_ENTITIES = 250

/** Cuts a long list of work into what fits in one transaction each. */
export function* chunks<Item>(
  items: readonly Item[],
  size: number = CHUNK_ENTITIES,
): Generator<readonly Item[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
