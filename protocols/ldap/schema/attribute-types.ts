import type { SyntaxName } from './syntaxes.ts'

/** An attribute type (RFC 4512 §4.1.2); super-types are written out. */
export interface AttributeTypeDefinition {
  readonly oid: string
  /** The first is the spelling in every answer. */
  readonly names: readonly string[]
  readonly equality: string | null
  readonly ordering: string | null
  readonly substrings: string | null
  readonly syntax: SyntaxName
  readonly isSingleValued: boolean
  readonly usage: 'userApplications' | 'directoryOperation' | 'dSAOperation'
}

type Shape = Pick<AttributeTypeDefinition, 'equality' | 'ordering' | 'substrings' | 'syntax'>

const text: Shape = {
  equality: 'caseIgnoreMatch',
  ordering: 'caseIgnoreOrderingMatch',
  substrings: 'caseIgnoreSubstringsMatch',
  syntax: 'directoryString',
}
const exact: Shape = {
  equality: 'caseExactMatch',
  ordering: 'caseExactOrderingMatch',
  substrings: 'caseExactSubstringsMatch',
  syntax: 'directoryString',
}
const ia5: Shape = {
  equality: 'caseIgnoreIA5Match',
  ordering: null,
  substrings: 'caseIgnoreIA5SubstringsMatch',
  syntax: 'ia5String',
}
const ia5Exact: Shape = {
  equality: 'caseExactIA5Match',
  ordering: null,
  substrings: 'caseExactIA5SubstringsMatch',
  syntax: 'ia5String',
}
const telephone: Shape = {
  equality: 'telephoneNumberMatch',
  ordering: null,
  substrings: 'telephoneNumberSubstringsMatch',
  syntax: 'telephoneNumber',
}
const integer: Shape = {
  equality: 'integerMatch',
  ordering: 'integerOrderingMatch',
  substrings: null,
  syntax: 'integer',
}
const time: Shape = {
  equality: 'generalizedTimeMatch',
  ordering: 'generalizedTimeOrderingMatch',
  substrings: null,
  syntax: 'generalizedTime',
}
const dn = equalityOnly('distinguishedNameMatch', 'dn')
const oid = equalityOnly('objectIdentifierMatch', 'oid')
const octets = equalityOnly('octetStringMatch', 'octetString')
const boolean = equalityOnly('booleanMatch', 'boolean')
const address: Shape = {
  equality: 'caseIgnoreListMatch',
  ordering: null,
  substrings: 'caseIgnoreListSubstringsMatch',
  syntax: 'postalAddress',
}

function equalityOnly(equality: string | null, syntax: SyntaxName): Shape {
  return { equality, ordering: null, substrings: null, syntax }
}

type Row = readonly [oid: string, names: string, shape: Shape, flag?: 'single']

/** RFC 4519 and the parts of RFC 4524, RFC 2798 and RFC 4523 that describe people and groups. */
const STANDARD: readonly Row[] = [
  ['2.5.4.0', 'objectClass', oid],
  ['2.5.4.3', 'cn commonName', text],
  ['2.5.4.4', 'sn surname', text],
  ['2.5.4.5', 'serialNumber', text],
  ['2.5.4.6', 'c countryName', { ...text, syntax: 'countryString' }, 'single'],
  ['2.5.4.7', 'l localityName', text],
  ['2.5.4.8', 'st stateOrProvinceName', text],
  ['2.5.4.9', 'street streetAddress', text],
  ['2.5.4.10', 'o organizationName', text],
  ['2.5.4.11', 'ou organizationalUnitName', text],
  ['2.5.4.12', 'title', text],
  ['2.5.4.13', 'description', text],
  ['2.5.4.15', 'businessCategory', text],
  ['2.5.4.16', 'postalAddress', address],
  ['2.5.4.17', 'postalCode', text],
  ['2.5.4.18', 'postOfficeBox', text],
  ['2.5.4.19', 'physicalDeliveryOfficeName', text],
  ['2.5.4.20', 'telephoneNumber', telephone],
  ['2.5.4.23', 'facsimileTelephoneNumber fax', { ...telephone, syntax: 'facsimile' }],
  ['2.5.4.31', 'member', dn],
  ['2.5.4.32', 'owner', dn],
  ['2.5.4.34', 'seeAlso', dn],
  ['2.5.4.35', 'userPassword', octets],
  ['2.5.4.36', 'userCertificate', equalityOnly(null, 'certificate')],
  ['2.5.4.41', 'name', text],
  ['2.5.4.42', 'givenName gn', text],
  ['2.5.4.43', 'initials', text],
  ['2.5.4.44', 'generationQualifier', text],
  ['2.5.4.49', 'distinguishedName', dn],
  ['2.5.4.50', 'uniqueMember', equalityOnly('uniqueMemberMatch', 'nameAndOptionalUid')],
  ['0.9.2342.19200300.100.1.1', 'uid userid', text],
  ['0.9.2342.19200300.100.1.3', 'mail rfc822Mailbox', ia5],
  ['0.9.2342.19200300.100.1.4', 'info', text],
  ['0.9.2342.19200300.100.1.6', 'roomNumber', text],
  ['0.9.2342.19200300.100.1.9', 'host', text],
  ['0.9.2342.19200300.100.1.10', 'manager', dn],
  ['0.9.2342.19200300.100.1.20', 'homePhone homeTelephoneNumber', telephone],
  ['0.9.2342.19200300.100.1.21', 'secretary', dn],
  ['0.9.2342.19200300.100.1.25', 'dc domainComponent', ia5, 'single'],
  ['0.9.2342.19200300.100.1.37', 'associatedDomain', ia5],
  ['0.9.2342.19200300.100.1.39', 'homePostalAddress', address],
  ['0.9.2342.19200300.100.1.41', 'mobile mobileTelephoneNumber', telephone],
  ['0.9.2342.19200300.100.1.42', 'pager pagerTelephoneNumber', telephone],
  ['0.9.2342.19200300.100.1.43', 'co friendlyCountryName', text],
  ['0.9.2342.19200300.100.1.45', 'organizationalStatus', text],
  ['0.9.2342.19200300.100.1.60', 'jpegPhoto', equalityOnly(null, 'jpeg')],
  ['2.16.840.1.113730.3.1.1', 'carLicense', text],
  ['2.16.840.1.113730.3.1.2', 'departmentNumber', text],
  ['2.16.840.1.113730.3.1.3', 'employeeNumber', text, 'single'],
  ['2.16.840.1.113730.3.1.4', 'employeeType', text],
  ['2.16.840.1.113730.3.1.39', 'preferredLanguage', text, 'single'],
  ['2.16.840.1.113730.3.1.241', 'displayName', text, 'single'],
  ['1.3.6.1.4.1.250.1.57', 'labeledURI', exact],
]

/** RFC 2307 and its revision (rfc2307bis), OpenSSH keys, sudo rules, automount maps. */
const POSIX: readonly Row[] = [
  ['1.3.6.1.1.1.1.0', 'uidNumber', integer, 'single'],
  ['1.3.6.1.1.1.1.1', 'gidNumber', integer, 'single'],
  ['1.3.6.1.1.1.1.2', 'gecos', text, 'single'],
  ['1.3.6.1.1.1.1.3', 'homeDirectory', ia5Exact, 'single'],
  ['1.3.6.1.1.1.1.4', 'loginShell', ia5Exact, 'single'],
  ['1.3.6.1.1.1.1.5', 'shadowLastChange', integer, 'single'],
  ['1.3.6.1.1.1.1.6', 'shadowMin', integer, 'single'],
  ['1.3.6.1.1.1.1.7', 'shadowMax', integer, 'single'],
  ['1.3.6.1.1.1.1.8', 'shadowWarning', integer, 'single'],
  ['1.3.6.1.1.1.1.9', 'shadowInactive', integer, 'single'],
  ['1.3.6.1.1.1.1.10', 'shadowExpire', integer, 'single'],
  ['1.3.6.1.1.1.1.11', 'shadowFlag', integer, 'single'],
  ['1.3.6.1.1.1.1.12', 'memberUid', ia5Exact],
  ['1.3.6.1.1.1.1.31', 'automountMapName', ia5Exact, 'single'],
  ['1.3.6.1.1.1.1.32', 'automountKey', ia5Exact, 'single'],
  ['1.3.6.1.1.1.1.33', 'automountInformation', ia5Exact, 'single'],
  ['1.3.6.1.4.1.24552.500.1.1.1.13', 'sshPublicKey', octets],
  ['1.3.6.1.4.1.15953.9.1.1', 'sudoUser', ia5Exact],
  ['1.3.6.1.4.1.15953.9.1.2', 'sudoHost', ia5Exact],
  ['1.3.6.1.4.1.15953.9.1.3', 'sudoCommand', ia5Exact],
  ['1.3.6.1.4.1.15953.9.1.4', 'sudoRunAs', ia5Exact],
  ['1.3.6.1.4.1.15953.9.1.5', 'sudoOption', ia5Exact],
  ['1.3.6.1.4.1.15953.9.1.6', 'sudoRunAsUser', ia5Exact],
  ['1.3.6.1.4.1.15953.9.1.7', 'sudoRunAsGroup', ia5Exact],
  ['1.3.6.1.4.1.15953.9.1.8', 'sudoNotBefore', time],
  ['1.3.6.1.4.1.15953.9.1.9', 'sudoNotAfter', time],
  ['1.3.6.1.4.1.15953.9.1.10', 'sudoOrder', integer],
]

/** RFC 4512 §3.4 and §4.2, RFC 3045, 4530, 5020, USN, membership and account state. */
const OPERATIONAL: readonly Row[] = [
  ['2.5.18.1', 'createTimestamp', time, 'single'],
  ['2.5.18.2', 'modifyTimestamp', time, 'single'],
  ['2.5.18.3', 'creatorsName', dn, 'single'],
  ['2.5.18.4', 'modifiersName', dn, 'single'],
  ['2.5.18.9', 'hasSubordinates', boolean, 'single'],
  ['2.5.18.10', 'subschemaSubentry', dn, 'single'],
  ['2.5.21.9', 'structuralObjectClass', oid, 'single'],
  ['2.16.840.1.113730.3.1.502', 'numSubordinates', integer, 'single'],
  ['1.3.6.1.1.16.4', 'entryUUID', uuidShape(), 'single'],
  ['1.3.6.1.1.20', 'entryDN', dn, 'single'],
  ['2.16.840.1.113730.3.1.606', 'entryUSN', integer, 'single'],
  ['1.2.840.113556.1.2.102', 'memberOf', dn],
  ['2.16.840.1.113730.3.1.610', 'nsAccountLock', { ...text, ordering: null }, 'single'],
  ['1.3.6.1.4.1.42.2.27.8.1.17', 'pwdAccountLockedTime', time, 'single'],
]

const SCHEMA: readonly Row[] = [
  ['2.5.21.4', 'matchingRules', firstComponent('matchingRuleDescription')],
  ['2.5.21.5', 'attributeTypes', firstComponent('attributeTypeDescription')],
  ['2.5.21.6', 'objectClasses', firstComponent('objectClassDescription')],
  ['2.5.21.8', 'matchingRuleUse', firstComponent('matchingRuleUseDescription')],
  ['1.3.6.1.4.1.1466.101.120.16', 'ldapSyntaxes', firstComponent('ldapSyntaxDescription')],
]

const ROOT: readonly Row[] = [
  ['1.3.6.1.4.1.1466.101.120.5', 'namingContexts', dn],
  ['1.3.6.1.4.1.1466.101.120.6', 'altServer', equalityOnly(null, 'ia5String')],
  ['1.3.6.1.4.1.1466.101.120.7', 'supportedExtension', oid],
  ['1.3.6.1.4.1.1466.101.120.13', 'supportedControl', oid],
  ['1.3.6.1.4.1.1466.101.120.14', 'supportedSASLMechanisms', text],
  ['1.3.6.1.4.1.1466.101.120.15', 'supportedLDAPVersion', integer],
  ['1.3.6.1.4.1.4203.1.3.5', 'supportedFeatures', oid],
  ['1.3.6.1.1.4', 'vendorName', exact, 'single'],
  ['1.3.6.1.1.5', 'vendorVersion', exact, 'single'],
  ['2.16.840.1.113730.3.1.2999', 'lastUSN', integer, 'single'],
]

function uuidShape(): Shape {
  return { equality: 'uuidMatch', ordering: 'uuidOrderingMatch', substrings: null, syntax: 'uuid' }
}

function firstComponent(syntax: SyntaxName): Shape {
  return equalityOnly('objectIdentifierFirstComponentMatch', syntax)
}

export const ATTRIBUTE_TYPES: readonly AttributeTypeDefinition[] = [
  ...types(STANDARD, 'userApplications'),
  ...types(POSIX, 'userApplications'),
  ...types(OPERATIONAL, 'directoryOperation'),
  ...types(SCHEMA, 'directoryOperation'),
  ...types(ROOT, 'dSAOperation'),
]

function types(
  rows: readonly Row[],
  usage: AttributeTypeDefinition['usage'],
): AttributeTypeDefinition[] {
  return rows.map(([id, names, shape, flag]) => ({
    oid: id,
    names: names.split(' '),
    ...shape,
    isSingleValued: flag === 'single',
    usage,
  }))
}
