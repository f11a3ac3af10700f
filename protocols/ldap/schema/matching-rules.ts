import type { SyntaxName } from './syntaxes.ts'

/** How values are brought into the form in which they are compared. */
export type MatchKind =
  | 'caseIgnore'
  | 'caseExact'
  | 'numeric'
  | 'telephone'
  | 'integer'
  | 'boolean'
  | 'time'
  | 'dn'
  | 'oid'
  | 'uuid'
  | 'octets'
  | 'bitAnd'
  | 'bitOr'
  | 'inChain'

export interface MatchingRule {
  readonly oid: string
  readonly name: string
  readonly kind: MatchKind
  readonly use: 'equality' | 'ordering' | 'substrings' | 'extensible'
  readonly syntax: SyntaxName
}

type Row = readonly [oid: string, name: string, kind: MatchKind, syntax: SyntaxName]

const EQUALITY: readonly Row[] = [
  ['2.5.13.0', 'objectIdentifierMatch', 'oid', 'oid'],
  ['2.5.13.1', 'distinguishedNameMatch', 'dn', 'dn'],
  ['2.5.13.2', 'caseIgnoreMatch', 'caseIgnore', 'directoryString'],
  ['2.5.13.5', 'caseExactMatch', 'caseExact', 'directoryString'],
  ['2.5.13.8', 'numericStringMatch', 'numeric', 'numericString'],
  ['2.5.13.11', 'caseIgnoreListMatch', 'caseIgnore', 'postalAddress'],
  ['2.5.13.13', 'booleanMatch', 'boolean', 'boolean'],
  ['2.5.13.14', 'integerMatch', 'integer', 'integer'],
  ['2.5.13.16', 'bitStringMatch', 'octets', 'bitString'],
  ['2.5.13.17', 'octetStringMatch', 'octets', 'octetString'],
  ['2.5.13.20', 'telephoneNumberMatch', 'telephone', 'telephoneNumber'],
  ['2.5.13.23', 'uniqueMemberMatch', 'dn', 'nameAndOptionalUid'],
  ['2.5.13.27', 'generalizedTimeMatch', 'time', 'generalizedTime'],
  ['2.5.13.30', 'objectIdentifierFirstComponentMatch', 'oid', 'oid'],
  ['1.3.6.1.4.1.1466.109.114.1', 'caseExactIA5Match', 'caseExact', 'ia5String'],
  ['1.3.6.1.4.1.1466.109.114.2', 'caseIgnoreIA5Match', 'caseIgnore', 'ia5String'],
  ['1.3.6.1.1.16.2', 'uuidMatch', 'uuid', 'uuid'],
]

const ORDERING: readonly Row[] = [
  ['2.5.13.3', 'caseIgnoreOrderingMatch', 'caseIgnore', 'directoryString'],
  ['2.5.13.6', 'caseExactOrderingMatch', 'caseExact', 'directoryString'],
  ['2.5.13.9', 'numericStringOrderingMatch', 'numeric', 'numericString'],
  ['2.5.13.15', 'integerOrderingMatch', 'integer', 'integer'],
  ['2.5.13.18', 'octetStringOrderingMatch', 'octets', 'octetString'],
  ['2.5.13.28', 'generalizedTimeOrderingMatch', 'time', 'generalizedTime'],
  ['1.3.6.1.1.16.3', 'uuidOrderingMatch', 'uuid', 'uuid'],
]

const SUBSTRINGS: readonly Row[] = [
  ['2.5.13.4', 'caseIgnoreSubstringsMatch', 'caseIgnore', 'directoryString'],
  ['2.5.13.7', 'caseExactSubstringsMatch', 'caseExact', 'directoryString'],
  ['2.5.13.10', 'numericStringSubstringsMatch', 'numeric', 'numericString'],
  ['2.5.13.12', 'caseIgnoreListSubstringsMatch', 'caseIgnore', 'postalAddress'],
  ['2.5.13.21', 'telephoneNumberSubstringsMatch', 'telephone', 'telephoneNumber'],
  ['1.3.6.1.4.1.1466.109.114.3', 'caseIgnoreIA5SubstringsMatch', 'caseIgnore', 'ia5String'],
  ['1.3.6.1.4.1.4203.1.2.1', 'caseExactIA5SubstringsMatch', 'caseExact', 'ia5String'],
]

/** Bit and chain rules of Active Directory, which many clients use everywhere. */
const EXTENSIBLE: readonly Row[] = [
  ['1.2.840.113556.1.4.803', 'integerBitAndMatch', 'bitAnd', 'integer'],
  ['1.2.840.113556.1.4.804', 'integerBitOrMatch', 'bitOr', 'integer'],
  ['1.2.840.113556.1.4.1941', 'distinguishedNameMatchInChain', 'inChain', 'dn'],
]

export const MATCHING_RULES: readonly MatchingRule[] = [
  ...rules(EQUALITY, 'equality'),
  ...rules(ORDERING, 'ordering'),
  ...rules(SUBSTRINGS, 'substrings'),
  ...rules(EXTENSIBLE, 'extensible'),
]

function rules(rows: readonly Row[], use: MatchingRule['use']): MatchingRule[] {
  return rows.map(([oid, name, kind, syntax]) => ({ oid, name, kind, use, syntax }))
}
