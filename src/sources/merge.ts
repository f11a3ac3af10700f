/** Values by name; a name that is not there was never spoken of. */
export type Values = Readonly<Record<string, unknown>>

/**
 * Lays what was just told over what was known. A name that is absent keeps its value, `null` clears
 * it, and the order of two answers that speak of different names does not matter.
 */
export function mergeValues<V extends object>(known: V, told: V): V {
  return { ...known, ...withoutUndefined(told) }
}

function withoutUndefined<V extends object>(values: V): V {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(kept) as V
}

/** Names whose value differs; a name never told and one that is null are the same. */
export function changedNames(before: object, after: object): readonly string[] {
  const a = before as Values
  const b = after as Values
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...names].filter((name) => (a[name] ?? null) !== (b[name] ?? null))
}
