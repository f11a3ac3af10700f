import { printable } from '../foreign-text.ts'
import { isObject } from './graph.ts'

type Row = Readonly<Record<string, unknown>>

/** An app registration that is there already, and whoever could act as it or change it. */
export interface FoundApp {
  readonly application: Row
  /** Of the registration and of its service principal. */
  readonly owners: readonly Row[]
  /** Whose tokens stand in for its key. */
  readonly federated: readonly Row[]
  /** Null before it has one. */
  readonly principal: Row | null
  /** Object id of whoever is signed in. */
  readonly me: string
}

const MAX_NAMED = 5
const MAX_CHARS = 120

/**
 * What of an app registration lets somebody else act as it, or put keys of her own into it; empty
 * when it is ours alone. Its certificates are no part of it: ours takes the place of all of them.
 */
export function rightsOfOthers(found: FoundApp): readonly string[] {
  const { application, federated, principal, me } = found
  const owners = found.owners.filter((owner) => owner['id'] !== me)
  const rights: string[] = []
  if (!isEmpty(application['passwordCredentials'])) rights.push('it has a client secret')
  if (application['signInAudience'] !== 'AzureADMyOrg') rights.push('it is open to other tenants')
  if (federated.length > 0)
    rights.push(`tokens of others stand in for its key: ${named(federated, describeFederated)}`)
  const hasKeys = principal !== null && !isEmpty(principal['keyCredentials'])
  const hasSecrets = principal !== null && !isEmpty(principal['passwordCredentials'])
  if (hasKeys || hasSecrets)
    rights.push('its enterprise application has a secret or certificate of its own')
  if (owners.length > 0)
    rights.push(`others may put keys into it, as its owners: ${named(owners, describeOwner)}`)
  return rights
}

/** Anything but an empty list: what cannot be read is not taken for nothing. */
function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

function named(rows: readonly Row[], describe: (row: Row) => string): string {
  const shown = rows.slice(0, MAX_NAMED).map(describe).join(', ')
  return rows.length > MAX_NAMED ? `${shown} and ${rows.length - MAX_NAMED} more` : shown
}

function describeOwner(owner: Row): string {
  return (
    textOf(owner, 'userPrincipalName') ?? textOf(owner, 'displayName') ?? textOf(owner, 'id') ?? '?'
  )
}

function describeFederated(credential: Row): string {
  return `${textOf(credential, 'name')} (issuer ${textOf(credential, 'issuer')}, subject ${textOf(credential, 'subject')})`
}

function textOf(row: Row, name: string): string | null {
  const value = isObject(row) ? row[name] : null
  return typeof value === 'string' ? printable(value.slice(0, MAX_CHARS)) : null
}
