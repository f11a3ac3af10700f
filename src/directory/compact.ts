import type { Person } from './person.ts'
import type { EntryValue } from './query.ts'

/** Far more than there are departments and given names; beyond it sharing starts anew. */
const MAX_SHARED = 65_536

const nothing: readonly never[] = Object.freeze([])

/**
 * Keeps one copy of each text that many people have in common. Rows from a database come with a
 * string of their own for each value, which at 100,000 people is tens of megabytes.
 */
export class Compactor {
  #shared = new Map<string, string>()

  /** An equal value that shares what it can, with its members always in the same order. */
  compact(value: EntryValue): EntryValue {
    return value.kind === 'person' ? this.#compactPerson(value) : value
  }

  #compactPerson(person: Person): Person {
    const { username, holds, sshPublicKeys } = person
    const userPrincipalName = person.userPrincipalName
    const mail = sameAs([userPrincipalName], person.mail)
    const own = [username, mail, userPrincipalName]
    return {
      kind: 'person',
      id: person.id,
      no: person.no,
      version: person.version,
      username,
      loginNames: person.loginNames.map(({ folded, kind }) => ({
        folded: sameAs(own, folded) ?? folded,
        kind,
      })),
      displayName: person.displayName,
      givenName: this.#share(person.givenName),
      surname: this.#share(person.surname),
      mail,
      userPrincipalName,
      jobTitle: this.#share(person.jobTitle),
      department: this.#share(person.department),
      companyName: this.#share(person.companyName),
      officeLocation: this.#share(person.officeLocation),
      employeeId: person.employeeId,
      employeeType: this.#share(person.employeeType),
      mobilePhone: person.mobilePhone,
      businessPhone: person.businessPhone,
      streetAddress: this.#share(person.streetAddress),
      city: this.#share(person.city),
      region: this.#share(person.region),
      postalCode: this.#share(person.postalCode),
      country: this.#share(person.country),
      preferredLanguage: this.#share(person.preferredLanguage),
      isGuest: person.isGuest,
      managerId: person.managerId,
      uidNumber: person.uidNumber,
      gidNumber: person.gidNumber,
      homeDirectory: person.homeDirectory,
      loginShell: this.#share(person.loginShell) ?? person.loginShell,
      sshPublicKeys: sshPublicKeys.length === 0 ? nothing : sshPublicKeys,
      lifecycle: person.lifecycle,
      holds: holds.length === 0 ? nothing : holds,
      createdAtMs: person.createdAtMs,
    }
  }

  #share(text: string | null): string | null {
    if (text === null) return null
    const shared = this.#shared.get(text)
    if (shared !== undefined) return shared
    if (this.#shared.size >= MAX_SHARED) this.#shared = new Map()
    this.#shared.set(text, text)
    return text
  }
}

/** The very string among `own` that equals `text`, or `text` itself. */
function sameAs(own: readonly (string | null)[], text: string | null): string | null {
  return own.find((one) => one === text) ?? text
}
