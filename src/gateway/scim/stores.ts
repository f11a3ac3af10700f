import {
  type FindRequest,
  type JsonObject,
  type ListRequest,
  type Locate,
  type Page,
  type ResourceStore,
  type ResourceStores,
  ScimError,
  type Sort,
} from '../../../protocols/scim/index.ts'
import { DirectoryError } from '../../directory/errors.ts'
import type { Audience, Listed, Listing, Question } from '../../directory/ports/listing.ts'
import { toCondition } from './condition.ts'
import { toGroup, toUser } from './resources.ts'
import { type Terms, termsOf } from './terms.ts'

/** The directory as one connection sees it. */
export function makeStores(listing: Listing, audience: Audience): ResourceStores {
  return {
    User: new ListingStore({
      terms: termsOf.User,
      memberships: 'groups',
      audience,
      list: (question) => listing.people(question),
      toResource: toUser,
    }),
    Group: new ListingStore({
      terms: termsOf.Group,
      memberships: 'members',
      audience,
      list: (question) => listing.groups(question),
      toResource: toGroup,
    }),
  }
}

interface Parts<T> {
  readonly terms: Terms
  /** The attribute that shows them. */
  readonly memberships: string
  readonly audience: Audience
  readonly list: (question: Question) => Promise<Listed<T> | null>
  readonly toResource: (entry: T, locate: Locate) => JsonObject
}

class ListingStore<T> implements ResourceStore {
  readonly #parts: Parts<T>

  constructor(parts: Parts<T>) {
    this.#parts = parts
  }

  async find(request: FindRequest): Promise<JsonObject | null> {
    const { entries } = await this.#ask(request, {
      where: { op: 'text', field: 'id', test: 'equals', value: request.id },
      order: null,
      offset: 0,
      limit: 1,
      wantsTotal: false,
    })
    const [entry] = entries
    return entry === undefined ? null : this.#parts.toResource(entry, request.locate)
  }

  async list(request: ListRequest): Promise<Page> {
    const { terms, toResource } = this.#parts
    const { total, entries } = await this.#ask(request, {
      where: request.filter === null ? { op: 'always' } : toCondition(request.filter, terms),
      order: request.sort === null ? null : toOrder(request.sort, terms),
      offset: request.startIndex - 1,
      limit: request.count,
      wantsTotal: true,
    })
    return {
      totalResults: total ?? 0,
      resources: entries.map((entry) => toResource(entry, request.locate)),
    }
  }

  async #ask(
    request: FindRequest | ListRequest,
    what: Pick<Question, 'where' | 'order' | 'offset' | 'limit'> & { readonly wantsTotal: boolean },
  ): Promise<Listed<T>> {
    const { audience, memberships, list } = this.#parts
    const { wantsTotal, ...question } = what
    const listed = await list({
      ...question,
      audience,
      wants: { total: wantsTotal, memberships: request.selection.wants(memberships) },
      signal: request.signal,
    }).catch(toUnavailable)
    if (listed !== null) return listed
    throw new ScimError(
      'SCIM_TOO_MANY',
      `that is too much for one answer: ask for fewer, or exclude "${memberships}"`,
    )
  }
}

/** An outage is no fault of ours and none of the client's. */
function toUnavailable(error: unknown): never {
  if (error instanceof DirectoryError && error.code === 'DIRECTORY_UNAVAILABLE') {
    throw new ScimError('SCIM_UNAVAILABLE', 'the directory can not be reached just now')
  }
  throw error
}

/** @throws {ScimError} `SCIM_INVALID_VALUE` for what resources can't be sorted by */
function toOrder({ attribute, isDescending }: Sort, terms: Terms): Question['order'] {
  const term = terms.single[sortKey(attribute.key)]
  if (term?.kind === 'text' || term?.kind === 'time') return { by: term.field, isDescending }
  // RFC 7644 §3.4.2.3: one of several e-mail addresses sorts, the primary; ours have one.
  const [slot] = terms.multiple[attribute.key] ?? []
  const value = slot !== undefined && 'exists' in slot ? slot.parts['value'] : undefined
  if (value?.kind === 'text') return { by: value.field, isDescending }
  throw new ScimError('SCIM_INVALID_VALUE', `resources can't be sorted by "${attribute.key}"`)
}

/** A name sorts by how it is shown. */
function sortKey(key: string): string {
  return key === 'name' ? 'name.formatted' : key
}
