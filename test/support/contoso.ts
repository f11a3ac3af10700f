/** A small company, for what the LDAP gateway shows of people, groups and the links between them. */
import {
  aGroup,
  aHold,
  aPerson,
  aService,
  MemoryDirectory,
  someSettings,
  someTimeMs,
} from './directory.ts'

export const manager = aPerson({ username: 'boss', displayName: 'Ann Chief', surname: null })
export const adele = aPerson({
  username: 'adele.vance',
  displayName: 'Adele  Vance',
  givenName: 'Adele',
  surname: 'Vance',
  mail: 'Adele.Vance@contoso.example',
  jobTitle: 'Retail Manager',
  department: 'Retail',
  businessPhone: '+1 425 555-0109',
  managerId: manager.id,
  sshPublicKeys: ['ssh-ed25519 AAAA adele'],
})
export const bjorn = aPerson({
  username: 'bjorn',
  displayName: 'Bjørn Ælfric',
  mail: null,
  uidNumber: 300_777,
  gidNumber: 300_777,
})
export const held = aPerson({
  username: 'hal',
  sshPublicKeys: ['ssh-ed25519 AAAA hal'],
  holds: [
    aHold({ sinceMs: someTimeMs + 5_000 }),
    aHold({ reason: 'schedule', sinceMs: someTimeMs }),
  ],
})
export const staged = aPerson({ username: 'stacy', lifecycle: 'staged' })
export const sales = aGroup({ name: 'sales', displayName: 'Sales team', gidNumber: 400_901 })
export const emea = aGroup({ name: 'emea', description: 'Europe' })
export const secret = aGroup({ name: 'secret' })
export const nss = aService({ name: 'nss' })
export const narrow = aService({ name: 'narrow', view: { sees: 'groups', groupIds: [emea.id] } })

/** adele, held and staged are in sales; sales and bjorn in emea; adele in secret. */
export function contoso(): MemoryDirectory {
  const people = [manager, adele, bjorn, held, staged]
  const directory = new MemoryDirectory(someSettings(), nss, narrow, ...people, sales, emea, secret)
  directory.join(sales, adele, held, staged)
  directory.join(emea, sales, bjorn)
  directory.join(secret, adele)
  return directory
}
