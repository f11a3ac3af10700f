/** An object class (RFC 4512 §4.1.1). */
export interface ObjectClass {
  readonly oid: string
  readonly name: string
  readonly superior: string | null
  readonly kind: 'ABSTRACT' | 'STRUCTURAL' | 'AUXILIARY'
  readonly must: readonly string[]
  readonly may: readonly string[]
}

type Row = readonly [
  oid: string,
  name: string,
  superior: string | null,
  kind: ObjectClass['kind'],
  must: string,
  may: string,
]

const PERSON_MAY = 'userPassword telephoneNumber seeAlso description'
const ORGANIZATION_MAY =
  'userPassword seeAlso businessCategory street postOfficeBox postalCode postalAddress ' +
  'physicalDeliveryOfficeName st l telephoneNumber facsimileTelephoneNumber description'

/** RFC 4512, 4519, 4524, 2798, 2307 and its revision, OpenSSH keys, sudo, password state. */
const ROWS: readonly Row[] = [
  ['2.5.6.0', 'top', null, 'ABSTRACT', 'objectClass', ''],
  ['2.5.6.4', 'organization', 'top', 'STRUCTURAL', 'o', ORGANIZATION_MAY],
  ['2.5.6.5', 'organizationalUnit', 'top', 'STRUCTURAL', 'ou', ORGANIZATION_MAY],
  ['2.5.6.6', 'person', 'top', 'STRUCTURAL', 'sn cn', PERSON_MAY],
  [
    '2.5.6.7',
    'organizationalPerson',
    'person',
    'STRUCTURAL',
    '',
    'title street postOfficeBox postalCode postalAddress physicalDeliveryOfficeName ou st l ' +
      'facsimileTelephoneNumber',
  ],
  ['2.5.6.8', 'organizationalRole', 'top', 'STRUCTURAL', 'cn', 'description ou l telephoneNumber'],
  [
    '2.5.6.9',
    'groupOfNames',
    'top',
    'STRUCTURAL',
    'cn',
    'member businessCategory seeAlso owner ou o description',
  ],
  [
    '2.16.840.1.113730.3.2.2',
    'inetOrgPerson',
    'organizationalPerson',
    'STRUCTURAL',
    '',
    'businessCategory carLicense departmentNumber displayName employeeNumber employeeType ' +
      'givenName homePhone homePostalAddress initials jpegPhoto labeledURI mail manager mobile o ' +
      'pager preferredLanguage roomNumber secretary uid userCertificate',
  ],
  ['0.9.2342.19200300.100.4.5', 'account', 'top', 'STRUCTURAL', 'uid', 'description host l o ou'],
  ['0.9.2342.19200300.100.4.19', 'simpleSecurityObject', 'top', 'AUXILIARY', '', 'userPassword'],
  ['1.3.6.1.4.1.1466.344', 'dcObject', 'top', 'AUXILIARY', 'dc', ''],
  ['2.5.20.1', 'subschema', 'top', 'AUXILIARY', '', schemaAttributes()],
  ['2.5.17.0', 'subentry', 'top', 'STRUCTURAL', 'cn', ''],
  [
    '1.3.6.1.1.1.2.0',
    'posixAccount',
    'top',
    'AUXILIARY',
    'cn uid uidNumber gidNumber homeDirectory',
    'userPassword loginShell gecos description',
  ],
  [
    '1.3.6.1.1.1.2.1',
    'shadowAccount',
    'top',
    'AUXILIARY',
    'uid',
    'userPassword description shadowLastChange shadowMin shadowMax shadowWarning shadowInactive ' +
      'shadowExpire shadowFlag',
  ],
  [
    '1.3.6.1.1.1.2.2',
    'posixGroup',
    'top',
    'AUXILIARY',
    'gidNumber',
    'cn userPassword memberUid description',
  ],
  ['1.3.6.1.1.1.2.16', 'automountMap', 'top', 'STRUCTURAL', 'automountMapName', 'description'],
  [
    '1.3.6.1.1.1.2.17',
    'automount',
    'top',
    'STRUCTURAL',
    'automountKey automountInformation',
    'description',
  ],
  ['1.3.6.1.4.1.24552.500.1.1.2.0', 'ldapPublicKey', 'top', 'AUXILIARY', '', 'sshPublicKey uid'],
  [
    '1.3.6.1.4.1.15953.9.2.1',
    'sudoRole',
    'top',
    'STRUCTURAL',
    'cn',
    'sudoUser sudoHost sudoCommand sudoRunAs sudoRunAsUser sudoRunAsGroup sudoOption ' +
      'sudoNotBefore sudoNotAfter sudoOrder description',
  ],
]

function schemaAttributes(): string {
  return 'objectClasses attributeTypes matchingRules matchingRuleUse'
}

export const OBJECT_CLASSES: readonly ObjectClass[] = ROWS.map(
  ([oid, name, superior, kind, must, may]) => ({
    oid,
    name,
    superior,
    kind,
    must: words(must),
    may: words(may),
  }),
)

function words(text: string): readonly string[] {
  return text === '' ? [] : text.split(' ')
}
