/**
 * A distinguished name (RFC 4514), the entry's own RDN first. The empty list is the root DSE's.
 */
export type Dn = readonly Rdn[]

/** One attribute value or more, in the order given. */
export type Rdn = readonly AttributeTypeAndValue[]

export interface AttributeTypeAndValue {
  /** As it was spelled: a short name or a dotted OID. */
  readonly type: string
  /** Text, or the BER of a value that is no string. */
  readonly value: string | Buffer
}
