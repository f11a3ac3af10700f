import {
  assertionText,
  type EntryWriter,
  filterAttribute,
  type Outcome,
  type SearchRequest,
} from '../../../protocols/ldap/index.ts'
import { foldText } from '../../directory/fold.ts'
import type { EntryKind, Field } from '../../directory/query.ts'
import { findIndexed } from './fields.ts'
import { success } from './result.ts'
import type { SearchPlan } from './search.ts'
import type { Selection } from './selection.ts'
import type { SearchContext } from './serving.ts'
import type { Target } from './tree.ts'

const WHOLE_NUMBER = /^\d{1,10}$/

/** A search as it was planned. */
interface Planned {
  readonly request: SearchRequest
  readonly target: Target
  readonly plan: SearchPlan
  readonly selection: Selection
  readonly context: SearchContext
}

/**
 * What clients ask most: which entry below a container has this one value. Such searches differ in the
 * value alone, so what the rest of one has led to is kept for the next. Where more than one entry may
 * have the value, it is left to a {@link SearchRun}, whose answer is the same.
 */
export class LookUp {
  readonly #planned: Planned
  readonly #attribute: string
  readonly #kind: EntryKind
  readonly #field: Field
  readonly #isText: boolean

  private constructor(
    planned: Planned,
    by: {
      readonly attribute: string
      readonly kind: EntryKind
      readonly field: Field
      readonly isText: boolean
    },
  ) {
    this.#planned = planned
    this.#attribute = by.attribute
    this.#kind = by.kind
    this.#field = by.field
    this.#isText = by.isText
  }

  /** Null when the search is of another form. */
  static of(planned: Planned): LookUp | null {
    const { request, target, plan } = planned
    const { filter } = request
    if (filter.kind !== 'equal' || target.is !== 'container' || plan.query === null) return null
    const { kind } = target.container
    if (kind === null || plan.first.length > 0) return null
    const type = filterAttribute(filter.attribute)
    const indexed = type === null ? null : findIndexed(type)
    const field = indexed?.fields.find((one) => one.kind === kind)?.field
    if (indexed === null || field === undefined || indexed.form === 'time') return null
    // Private groups, which the directory does not hold, are found by that number.
    if (kind === 'group' && field === 'gidNumber') return null
    const isText = indexed.form === 'text'
    return new LookUp(planned, { attribute: filter.attribute, kind, field, isText })
  }

  /**
   * Answers a search that differs from the planned one in its value alone; null when this one differs
   * in more, or is for a search to tell.
   */
  answer(request: SearchRequest, context: SearchContext, writer: EntryWriter): Outcome | null {
    const { filter } = request
    if (filter.kind !== 'equal' || !this.#fits(request, filter.attribute, context)) return null
    const value = this.#valueOf(filter.value)
    if (value === null) return null
    const entry = context.directory.lookUp(this.#field, value)
    if (entry === undefined) return null
    if (entry !== null && entry.value.kind === this.#kind && context.viewer.sees(entry)) {
      context.encoder.write(entry, this.#planned.selection, { writer, context })
    }
    return success
  }

  #fits(request: SearchRequest, attribute: string, context: SearchContext): boolean {
    const planned = this.#planned
    return (
      context === planned.context &&
      attribute === this.#attribute &&
      request.attributes === planned.request.attributes &&
      request.baseObject === planned.request.baseObject &&
      request.scope === planned.request.scope &&
      request.typesOnly === planned.request.typesOnly
    )
  }

  #valueOf(assertion: Buffer): string | number | null {
    const text = assertionText(assertion)
    if (text === null) return null
    if (this.#isText) return foldText(text)
    return WHOLE_NUMBER.test(text) ? Number(text) : null
  }
}
