import { sql } from 'kysely'
import { foldText } from '../directory/fold.ts'
import type { PersonAttributes } from '../directory/person.ts'
import type { PersonValues } from '../sources/source.ts'
import { formatFoldedValues } from './folded-values.ts'
import { voidLinksOfMoved } from './link-rows.ts'
import type { Tx } from './sync-batch.ts'

/** Columns of `person` that a source writes, by their name in the directory. */
const COLUMNS = {
  displayName: 'display_name',
  givenName: 'given_name',
  surname: 'surname',
  mail: 'mail',
  userPrincipalName: 'user_principal_name',
  jobTitle: 'job_title',
  department: 'department',
  companyName: 'company_name',
  officeLocation: 'office_location',
  employeeId: 'employee_id',
  employeeType: 'employee_type',
  mobilePhone: 'mobile_phone',
  businessPhone: 'business_phone',
  streetAddress: 'street_address',
  city: 'city',
  region: 'region',
  postalCode: 'postal_code',
  country: 'country',
  preferredLanguage: 'preferred_language',
} as const satisfies Record<keyof PersonAttributes, string>

const NAMES = Object.keys(COLUMNS) as (keyof PersonAttributes)[]

/** Names whose change shows in the directory; others are kept with the link only. */
export const SHOWN_NAMES: ReadonlySet<string> = new Set([...NAMES, 'isGuest', 'managerExternalId'])

/** Every column written from a source's values, folded ones included, for building statements. */
export const WRITTEN_COLUMNS: readonly string[] = [
  ...Object.values(COLUMNS),
  'display_name_folded',
  'mail_folded',
  'user_principal_name_folded',
  'folded',
  'is_guest',
  'manager_id',
]

/** Their types, as `jsonb_to_recordset` wants them. */
export const WRITTEN_TYPES = WRITTEN_COLUMNS.map((column) => `${column} ${typeOf(column)}`).join(
  ', ',
)

function typeOf(column: string): string {
  if (column === 'folded') return 'jsonb'
  if (column === 'is_guest') return 'boolean'
  return column === 'manager_id' ? 'uuid' : 'text'
}

/** The name to show: the source's, else the local part of the address, else the username. */
export function displayNameOf(values: PersonValues, username: string): string {
  const local = values.userPrincipalName?.split('@')[0]
  return values.displayName || local || username
}

/** One row of values for the columns above. */
export function personRow(
  values: PersonValues,
  parts: { readonly username: string; readonly managerId: string | null },
): Record<string, unknown> {
  const displayName = displayNameOf(values, parts.username)
  const attributes = attributesOf(values, displayName)
  const row: Record<string, unknown> = {
    display_name_folded: foldText(displayName),
    mail_folded: attributes.mail === null ? null : foldText(attributes.mail),
    user_principal_name_folded:
      attributes.userPrincipalName === null ? null : foldText(attributes.userPrincipalName),
    folded: JSON.parse(formatFoldedValues(attributes)),
    is_guest: values.isGuest === true,
    manager_id: parts.managerId,
  }
  for (const name of NAMES) row[COLUMNS[name]] = attributes[name]
  return row
}

/** Writes rows of {@link personRow}, each with the `id` of whom it is about. */
export async function updatePeople(
  tx: Tx,
  rows: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  const columns = sql.raw(WRITTEN_COLUMNS.map((column) => `${column} = r.${column}`).join(', '))
  await voidLinksOfMoved(tx, rows)
  await sql`
    update person set ${columns}, changed_at = clock_timestamp()
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as r (id uuid, ${sql.raw(WRITTEN_TYPES)})
    where person.id = r.id`.execute(tx)
}

/** The attributes in a row of `person`. */
export function attributesFrom(row: Readonly<Record<string, unknown>>): PersonAttributes {
  const read = NAMES.map((name) => [name, row[COLUMNS[name]] ?? null])
  return Object.fromEntries(read) as unknown as PersonAttributes
}

function attributesOf(values: PersonValues, displayName: string): PersonAttributes {
  const given = Object.fromEntries(NAMES.map((name) => [name, values[name] ?? null]))
  return { ...(given as unknown as PersonAttributes), displayName }
}
