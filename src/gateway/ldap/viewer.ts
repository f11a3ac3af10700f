import { compileView } from '../../access/view.ts'
import { type Directory, entryNow } from '../../directory/directory.ts'
import { canSignIn } from '../../directory/hold.ts'
import type { PrincipalId } from '../../directory/id.ts'
import type { Entry, Query } from '../../directory/query.ts'

/** Who holds a connection. Only id and number are kept: rights are looked up with each operation. */
export type Identity =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'principal'; readonly id: PrincipalId; readonly no: number }

export const anonymous: Identity = { kind: 'anonymous' }

/** What an identity is shown just now. */
export interface Viewer {
  readonly entry: Entry
  /** Tells viewers apart in page cookies. */
  readonly key: string
  /** Whether every person and group is shown, so that nothing need be asked one by one. */
  readonly seesAll: boolean
  /** Entries she may have as a result, and DNs of them in values. */
  sees(entry: Entry): boolean
  /** Whether a DN of this entry may stand in a value, such as memberOf. */
  names(entry: Entry): boolean
  /** Narrows a search to what is shown; null when nothing needs narrowing. */
  query(): Query | null
}

/** Null when the identity is anonymous or has lost the right to be here since it signed in. */
export function viewingEntry(identity: Identity, directory: Directory): Entry | null {
  if (identity.kind === 'anonymous') return null
  const entry = entryNow(directory, identity)
  if (entry === null || entry.value.kind === 'group' || !canSignIn(entry.value)) return null
  return entry
}

/** For an entry that {@link viewingEntry} gave; holds as long as that gives the same one. */
export function viewerOf(entry: Entry, directory: Directory): Viewer {
  return entry.value.kind === 'person' ? selfViewer(entry) : serviceViewer(entry, directory)
}

/** People read their own entry; the groups in it are named, whoever else is in them. */
function selfViewer(entry: Entry): Viewer {
  return {
    entry,
    key: entry.value.id,
    seesAll: false,
    sees: (other) => other.no === entry.no,
    names: (other) => other.no === entry.no || other.value.kind === 'group',
    query: () => idIs(entry),
  }
}

/** LDAP clients see their view, and themselves. */
function serviceViewer(entry: Entry, directory: Directory): Viewer {
  const { value } = entry
  if (value.kind !== 'service') throw new TypeError('a service was expected')
  const view = compileView(directory, value.view)
  const sees = (other: Entry) => other.no === entry.no || (view.sees(other) && isShown(other))
  return {
    entry,
    key: value.id,
    seesAll: value.view.sees === 'all',
    sees,
    names: sees,
    query: () => ({ op: 'or', of: [view.query(), idIs(entry)] }),
  }
}

function idIs(entry: Entry): Query {
  return { op: 'equals', field: 'id', value: entry.value.id }
}

/** Staged people are absent (ARCHITECTURE §6), and services see no one another. */
export function isShown(entry: Entry): boolean {
  const { value } = entry
  return value.kind === 'group' || (value.kind === 'person' && value.lifecycle === 'active')
}

/**
 * Whether the person takes part in her groups: one who is held keeps entry and numbers but is out of
 * the groups, since clients grant by them.
 */
export function takesPart(entry: Entry): boolean {
  return entry.value.kind === 'group' || (entry.value.kind === 'person' && canSignIn(entry.value))
}
