declare const brand: unique symbol

/** A string that has passed its parser; plain strings do not fit where one is asked for. */
export type Branded<Name extends string> = string & { readonly [brand]: Name }

/** Our own key of a principal, UUID text. Never a DN, a UPN or a source's id. */
export type PrincipalId = Branded<'PrincipalId'>
export type GroupId = Branded<'GroupId'>
export type CredentialId = Branded<'CredentialId'>
export type ClientAuthorityId = Branded<'ClientAuthorityId'>
export type ClientCertificateId = Branded<'ClientCertificateId'>
export type NasId = Branded<'NasId'>
export type NetworkId = Branded<'NetworkId'>
export type RealmId = Branded<'RealmId'>

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Null when `text` isn't a lower-case UUID; callers turn that into their own "not found". */
export function parseId<Id extends Branded<string>>(text: string): Id | null {
  return uuid.test(text) ? (text as Id) : null
}

/** Makes a new random id (UUID version 4). */
export function makeId<Id extends Branded<string>>(): Id {
  return globalThis.crypto.randomUUID() as string as Id
}
