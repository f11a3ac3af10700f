import type { Contract } from '../contract/contract.ts'
import type { ObjectKind, Properties } from '../tenant/record.ts'
import { GraphError } from './graph-error.ts'

/** What `/users` returns without `$select`. No accountEnabled among it. */
export const DEFAULT_USER_SELECT: readonly string[] = [
  'businessPhones',
  'displayName',
  'givenName',
  'id',
  'jobTitle',
  'mail',
  'mobilePhone',
  'officeLocation',
  'preferredLanguage',
  'surname',
  'userPrincipalName',
]

export const DEFAULT_GROUP_SELECT: readonly string[] = [
  'id',
  'deletedDateTime',
  'classification',
  'createdDateTime',
  'description',
  'displayName',
  'expirationDateTime',
  'groupTypes',
  'isAssignableToRole',
  'mail',
  'mailEnabled',
  'mailNickname',
  'membershipRule',
  'membershipRuleProcessingState',
  'onPremisesDomainName',
  'onPremisesLastSyncDateTime',
  'onPremisesNetBiosName',
  'onPremisesProvisioningErrors',
  'onPremisesSamAccountName',
  'onPremisesSecurityIdentifier',
  'onPremisesSyncEnabled',
  'preferredDataLocation',
  'preferredLanguage',
  'proxyAddresses',
  'renewedDateTime',
  'resourceBehaviorOptions',
  'resourceProvisioningOptions',
  'securityEnabled',
  'securityIdentifier',
  'theme',
  'uniqueName',
  'visibility',
]

/** Kept outside the directory: asking a collection for one of them is 501. */
const OUTSIDE_DIRECTORY: ReadonlySet<string> = new Set([
  'aboutMe',
  'birthday',
  'hireDate',
  'interests',
  'mailboxSettings',
  'mySite',
  'pastProjects',
  'preferredName',
  'responsibilities',
  'schools',
  'skills',
])

const DEFAULTS: Readonly<Record<ObjectKind, readonly string[]>> = {
  user: DEFAULT_USER_SELECT,
  group: DEFAULT_GROUP_SELECT,
  servicePrincipal: ['id', 'displayName', 'appId'],
  device: ['id', 'displayName', 'deviceId'],
  orgContact: ['id', 'displayName', 'mail'],
}

/**
 * Reads `$select`.
 *
 * @param also names that are no properties but may be selected here, such as `members`
 * @throws {GraphError} 400 for a name the entity does not have, 501 for one kept elsewhere
 */
export function parseSelect(
  contract: Contract,
  entity: string,
  options: { text: string | null; also?: readonly string[]; isCollection: boolean },
): readonly string[] | null {
  if (options.text === null) return null
  const select = options.text.split(',').map((name) => name.trim())
  for (const name of select) {
    if (options.also?.includes(name)) continue
    if (!contract.hasProperty(entity, name)) {
      throw new GraphError(
        400,
        'BadRequest',
        `Parsing OData Select and Expand failed: Could not find a property named '${name}' on type 'microsoft.graph.${entity}'.`,
      )
    }
    if (options.isCollection && OUTSIDE_DIRECTORY.has(name))
      throw new GraphError(501, 'NotImplemented', 'This operation target is not yet supported.')
  }
  return [...new Set(select)]
}

/** An object as a plain read shows it: what was never set is null, or an empty collection. */
export function renderEntity(
  contract: Contract,
  object: { kind: ObjectKind; id: string; properties: Properties },
  select: readonly string[] | null,
): Record<string, unknown> {
  const rendered: Record<string, unknown> = {}
  for (const name of select ?? DEFAULTS[object.kind]) {
    if (name === 'id') rendered['id'] = object.id
    else {
      const empty = contract.isCollection(object.kind, name) ? [] : null
      rendered[name] = object.properties[name] ?? empty
    }
  }
  return rendered
}
