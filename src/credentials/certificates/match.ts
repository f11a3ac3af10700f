import type { CertificateNameKind } from '../../directory/client-certificate.ts'
import type { Directory } from '../../directory/directory.ts'
import type { Person } from '../../directory/person.ts'
import type { Entry } from '../../directory/query.ts'
import { foldLoginName } from '../login-name.ts'
import type { ForeignCertificate } from './known-chains.ts'

export type Match =
  | { readonly ok: true; readonly entry: Entry<Person> }
  | { readonly ok: false; readonly denial: 'certificate-unmatched' | 'certificate-ambiguous' }

/**
 * The one person a company's certificate leads to: by our own id of her before all else, then by mail
 * addresses and UPNs as log-in names. Names that lead to two are a mistake of the issuer's, not a choice.
 */
export function matchPerson(
  directory: Directory,
  { names, authority }: Pick<ForeignCertificate, 'names' | 'authority'>,
): Match {
  const { names: kinds, domains } = authority.value.matching
  const wanted = <Name>(kind: CertificateNameKind, given: readonly Name[]) =>
    kinds.includes(kind) ? given : []
  const byId = peopleAmong(wanted('id', names.ids).map((id) => directory.entryById(id)))
  let found: readonly Entry<Person>[] = byId.filter(({ value }) => isOf(value, domains))
  if (found.length === 0) {
    const claimed = [...wanted('mail', names.mails), ...wanted('upn', names.upns)]
    const ours = claimed.filter((name) => isWithin(name, domains))
    found = peopleAmong(ours.map((name) => directory.personByLoginName(foldLoginName(name))))
  }
  const [first, second] = found
  if (first === undefined) return { ok: false, denial: 'certificate-unmatched' }
  if (second !== undefined) return { ok: false, denial: 'certificate-ambiguous' }
  return { ok: true, entry: first }
}

/** Each once. */
function peopleAmong(entries: readonly (Entry | null)[]): readonly Entry<Person>[] {
  const people = new Map<string, Entry<Person>>()
  for (const entry of entries) {
    if (entry?.value.kind === 'person') people.set(entry.value.id, entry as Entry<Person>)
  }
  return [...people.values()]
}

/** An authority for some domains speaks by id, too, for nobody but who has a name in one of them. */
function isOf({ loginNames }: Person, domains: readonly string[] | null): boolean {
  if (domains === null) return true
  return loginNames.some(({ kind, folded }) => kind !== 'username' && isWithin(folded, domains))
}

function isWithin(name: string, domains: readonly string[] | null): boolean {
  return domains === null || domains.includes(name.slice(name.lastIndexOf('@') + 1).toLowerCase())
}
