import { foldText } from '../directory/fold.ts'
import type { PersonAttributes } from '../directory/person.ts'

/** Attributes that are compared folded and have no folded column of their own. */
export const foldedAttributes = [
  'givenName',
  'surname',
  'jobTitle',
  'department',
  'companyName',
  'employeeId',
  'employeeType',
  'mobilePhone',
  'businessPhone',
  'streetAddress',
  'city',
  'region',
  'postalCode',
  'country',
  'preferredLanguage',
] as const satisfies readonly (keyof PersonAttributes)[]

export type FoldedAttribute = (typeof foldedAttributes)[number]

/** The column `person.folded`, as JSON text: to be written with the attributes, always. */
export function formatFoldedValues(attributes: Pick<PersonAttributes, FoldedAttribute>): string {
  const folded: Record<string, string> = {}
  for (const name of foldedAttributes) {
    const value = attributes[name]
    if (value !== null) folded[name] = foldText(value)
  }
  return JSON.stringify(folded)
}
