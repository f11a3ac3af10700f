/** Whether she has a licence, by the target's id of what was bought. */
export type LicenceAttribute = `licence:${string}`

export interface LicenceWrite {
  readonly attribute: LicenceAttribute
  readonly value: boolean
}

/** What an admin decided here of one licence of one person. */
export interface LicenceChoice {
  readonly sku: string
  readonly isAssigned: boolean
}

const PREFIX = 'licence:'

export function licenceAttribute(sku: string): LicenceAttribute {
  return `${PREFIX}${sku}`
}

/** The target's id of the licence an attribute is about; null for any other attribute. */
export function licenceOf(attribute: string): string | null {
  return attribute.startsWith(PREFIX) ? attribute.slice(PREFIX.length) : null
}

export function isLicenceWrite(write: { readonly attribute: string }): write is LicenceWrite {
  return licenceOf(write.attribute) !== null
}

/** Removals first: one licence may exclude another, and may be the one that is free again. */
export function licenceWrites(choices: readonly LicenceChoice[]): readonly LicenceWrite[] {
  return choices
    .map(({ sku, isAssigned }) => ({ attribute: licenceAttribute(sku), value: isAssigned }))
    .toSorted((a, b) => Number(a.value) - Number(b.value))
}
