import { byCodeUnit } from '../attribute-description.ts'
import { prepareValue } from '../prepare.ts'
import { findAttributeType } from '../schema/schema.ts'
import type { AttributeTypeAndValue, Dn, Rdn } from './dn.ts'
import { escapeDnValue } from './format.ts'
import { parseDn } from './parse.ts'

/**
 * One key for all spellings of a DN (RFC 4517 §4.2.15): attribute names, case, insignificant spaces,
 * escapes and the order within an RDN make no difference.
 *
 * @throws {LdapError} `LDAP_BAD_DN`
 */
export function normaliseDn(text: string): string {
  return dnKey(parseDn(text))
}

export function dnKey(dn: Dn): string {
  return dn.map(rdnKey).join(',')
}

export function rdnKey(rdn: Rdn): string {
  return rdn.map(attributeKey).sort(byCodeUnit).join('+')
}

function attributeKey({ type, value }: AttributeTypeAndValue): string {
  const attribute = findAttributeType(type)
  const name = attribute?.name.toLowerCase() ?? type.toLowerCase()
  if (typeof value !== 'string') return `${name}=#${value.toString('hex')}`
  const isCaseIgnored = attribute?.equality?.kind !== 'caseExact'
  return `${name}=${escapeDnValue(prepareValue(value, isCaseIgnored).trim().replaceAll('  ', ' '))}`
}
