import type { Directory } from '../directory/directory.ts'
import { DirectoryError } from '../directory/errors.ts'
import { foldText } from '../directory/fold.ts'
import type { Group } from '../directory/group.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Nas, Network } from '../directory/network.ts'
import type { Person } from '../directory/person.ts'
import type { PeopleStore } from '../directory/ports/people.ts'
import type { Entry } from '../directory/query.ts'
import type { Service } from '../directory/service.ts'
import { ApiError, notFound } from './error.ts'

/** By id, username, UPN or mail address, whichever the admin has at hand. */
export function readPerson(directory: Directory, reference: string): Entry<Person> {
  const byId = directory.entryById(reference)
  if (byId?.value.kind === 'person') return byId as Entry<Person>
  const folded = foldText(reference)
  const found = directory.personByUsername(folded) ?? directory.personByLoginName(folded)
  if (found === null) throw notFound('person', reference)
  return found
}

/** Somebody who is deleted, by whatever name she had. */
export async function readDead(
  { people }: { readonly people: PeopleStore },
  reference: string,
): Promise<PrincipalId> {
  const [found, other] = await people.deleted({ name: foldText(reference), limit: 2 })
  if (found === undefined) throw notFound('deleted person', reference)
  if (other === undefined) return found.id
  const why = `several who are deleted had the name ${reference}: ${found.username}, ${other.username}`
  throw new DirectoryError('DIRECTORY_CONFLICT', `${why}; name one by her username or id`)
}

export function readPeople(
  directory: Directory,
  references: readonly string[],
): readonly Entry<Person>[] {
  return references.map((reference) => readPerson(directory, reference))
}

export function readGroup(directory: Directory, reference: string): Entry<Group> {
  const byId = directory.entryById(reference)
  if (byId?.value.kind === 'group') return byId as Entry<Group>
  const found = directory.groupByName(foldText(reference))
  if (found === null) throw groupNotFound(directory, reference)
  return found
}

/** Several groups may be shown by one name, so that none is found by it; but it is told. */
function groupNotFound(directory: Directory, reference: string): ApiError {
  const groups = directory.search({ op: 'kind', kind: 'group' })
  const alike = Array.from(groups, ({ value }) => value as Group)
    .filter(({ displayName }) => foldText(displayName) === foldText(reference))
    .map(({ name }) => name)
  const { status, code, message } = notFound('group', reference)
  const hint = alike.length === 0 ? 'see `gatehouse group list`' : `call it ${alike.join(' or ')}`
  return new ApiError(status, code, `${message}: ${hint}`)
}

export function readService(
  directory: Directory,
  purpose: Service['purpose'],
  reference: string,
): Entry<Service> {
  const byId = directory.entryById(reference)
  const found =
    byId?.value.kind === 'service'
      ? (byId as Entry<Service>)
      : directory.serviceByName(foldText(reference))
  if (found === null || found.value.purpose !== purpose) throw notFound(purpose, reference)
  return found
}

export function readNas(directory: Directory, reference: string): Nas {
  const found = directory
    .allNas()
    .find((nas) => nas.id === reference || foldText(nas.name) === foldText(reference))
  if (found === undefined) throw notFound('NAS', reference)
  return found
}

export function readNetwork(directory: Directory, reference: string): Network {
  const found = directory
    .networks()
    .find((network) => network.id === reference || foldText(network.name) === foldText(reference))
  if (found === undefined) throw notFound('network', reference)
  return found
}
