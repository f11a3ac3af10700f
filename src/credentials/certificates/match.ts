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
  const found = new Map<string, Entry<Person>>()
  const take = (entry: Entry | null) => {
    if (entry?.value.kind === 'person') found.set(entry.value.id, entry as Entry<Person>)
  }
  if (kinds.includes('id')) {
    for (const id of names.ids) {
      const entry = directory.entryById(id)
      if (entry?.value.kind === 'person' && isOf(entry.value, domains)) take(entry)
    }
  }
  if (found.size === 0) {
    const claimed = [
      ...(kinds.includes('mail') ? names.mails : []),
      ...(kinds.includes('upn') ? names.upns : []),
    ]
    for (const name of claimed) {
      if (isWithin(name, domains)) take(directory.personByLoginName(foldLoginName(name)))
    }
  }
  const [first, second] = found.values()
  if (first === undefined) return { ok: false, denial: 'certificate-unmatched' }
  if (second !== undefined) return { ok: false, denial: 'certificate-ambiguous' }
  return { ok: true, entry: first }
}

/** An authority for some domains speaks by id, too, for nobody but who has a name in one of them. */
function isOf({ loginNames }: Person, domains: readonly string[] | null): boolean {
  if (domains === null) return true
  return loginNames.some(({ kind, folded }) => kind !== 'username' && isWithin(folded, domains))
}

function isWithin(name: string, domains: readonly string[] | null): boolean {
  return domains === null || domains.includes(name.slice(name.lastIndexOf('@') + 1).toLowerCase())
}
