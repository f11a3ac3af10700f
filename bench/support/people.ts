/** The same made-up people for every server that is measured. */
export interface BenchPerson {
  readonly username: string
  readonly displayName: string
  readonly givenName: string
  readonly surname: string
  readonly mail: string
  readonly jobTitle: string
  readonly department: string
  readonly uidNumber: number
}

export const FIRST_UID_NUMBER = 300_000
const GIVEN = ['Adele', 'Grady', 'Isaiah', 'Lidia', 'Lynne', 'Megan', 'Nestor', 'Patti', 'Pradeep']
const SURNAMES = ['Vance', 'Archie', 'Langer', 'Holloway', 'Robbins', 'Bowen', 'Wilke', 'Fernandez']
const DEPARTMENTS = 50

export function personAt(index: number): BenchPerson {
  const givenName = GIVEN[index % GIVEN.length] ?? ''
  const surname = `${SURNAMES[index % SURNAMES.length]}-${index}`
  const username = `user${String(index).padStart(6, '0')}`
  return {
    username,
    displayName: `${givenName} ${surname}`,
    givenName,
    surname,
    mail: `${username}@contoso.example`,
    jobTitle: `Engineer ${index % 40}`,
    department: `Department ${index % DEPARTMENTS}`,
    uidNumber: FIRST_UID_NUMBER + index,
  }
}

export function* peopleOf(count: number): Generator<BenchPerson, void, void> {
  for (let index = 0; index < count; index++) yield personAt(index)
}

/** Usernames in an order that jumps about, so that neighbours in a store are not asked for together. */
export function shuffledUsernames(count: number, everyNth = 1): string[] {
  const stride = 7_919
  const kept = Math.floor(count / everyNth)
  return Array.from(
    { length: kept },
    (_, at) => personAt(((at * stride) % kept) * everyNth).username,
  )
}
