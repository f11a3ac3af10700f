import { Oid, renderSchema } from '../../../protocols/ldap/index.ts'
import type { Directory } from '../../directory/directory.ts'
import { type SyntheticEntry, syntheticEntry } from './synthetic.ts'
import { SUBSCHEMA_DN, type Tree } from './tree.ts'

export const VENDOR_NAME = 'Gatehouse'

const SUPPORTED_CONTROLS = [Oid.pagedResults, Oid.passwordPolicy, Oid.manageDsaIt]
const SUPPORTED_FEATURES = [
  Oid.allOperationalAttributes,
  Oid.attributesByObjectClass,
  Oid.trueFalseFilters,
]

/** RFC 4512 §5.1, with the vendor (RFC 3045) and the last journal number, by which SSSD refreshes. */
export function rootDse(
  directory: Directory,
  facts: { readonly tree: Tree | null; readonly vendorVersion: string; readonly hasTls: boolean },
): SyntheticEntry {
  const { tree, vendorVersion, hasTls } = facts
  const extensions = [Oid.whoAmI, ...(hasTls ? [Oid.startTls] : [])]
  const entry = syntheticEntry('', {
    objectClass: ['top'],
    ...(tree === null ? {} : { namingContexts: [tree.baseDn] }),
    subschemaSubentry: [SUBSCHEMA_DN],
    supportedLDAPVersion: ['3'],
    supportedControl: SUPPORTED_CONTROLS,
    supportedExtension: extensions,
    supportedFeatures: SUPPORTED_FEATURES,
    vendorName: [VENDOR_NAME],
    vendorVersion: [vendorVersion],
    lastUSN: [String(directory.position.usn)],
  })
  return { ...entry, isRoot: true }
}

let subschema: SyntheticEntry | null = null

/** RFC 4512 §4.2. */
export function subschemaEntry(): SyntheticEntry {
  subschema ??= syntheticEntry(SUBSCHEMA_DN, {
    objectClass: ['top', 'subentry', 'subschema'],
    cn: ['Subschema'],
    structuralObjectClass: ['subentry'],
    entryDN: [SUBSCHEMA_DN],
    subschemaSubentry: [SUBSCHEMA_DN],
    hasSubordinates: ['FALSE'],
    ...renderSchema(),
  })
  return subschema
}
