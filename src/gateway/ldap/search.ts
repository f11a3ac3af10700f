import {
  compileFilter,
  type EntryWriter,
  encodePagedResults,
  formatFilter,
  type LdapOperation,
  type Outcome,
  type PagedResults,
  ResultCode,
  type SearchRequest,
} from '../../../protocols/ldap/index.ts'
import type { Entry, Query } from '../../directory/query.ts'
import type { PageCookies, PagePosition } from './page-cookie.ts'
import { result, success } from './result.ts'
import type { Selection } from './selection.ts'
import type { SearchContext } from './serving.ts'
import { encodeSynthetic, type SyntheticEntry, syntheticValues } from './synthetic.ts'

/** Positions of the entries of no number: containers before all others, private groups behind. */
const BEHIND_ALL = Number.MAX_SAFE_INTEGER

/** What a search has been found to ask for. */
export interface SearchPlan {
  /** Sent before the directory's entries, if the filter matches. */
  readonly first: readonly SyntheticEntry[]
  /** Null when no entry of the directory is in scope. */
  readonly query: Query | null
  /** Sent behind them, if the filter matches. */
  readonly last: readonly SyntheticEntry[]
}

export interface SearchParts {
  readonly request: SearchRequest
  readonly selection: Selection
  readonly context: SearchContext
  readonly cookies: PageCookies
  readonly paged: PagedResults | null
  /** False once the viewer has lost the right to go on. */
  readonly isAllowed: () => boolean
}

type Step = 'paused' | Outcome

/** One search under way: in turns of a few milliseconds, in pages if asked for. */
export class SearchRun {
  readonly #plan: SearchPlan
  readonly #parts: SearchParts
  readonly #writer: EntryWriter
  readonly #operation: LdapOperation
  readonly #scope: readonly string[]
  readonly #deadlineMs: number
  readonly #maxEntries: number
  readonly #pageEnd: number
  /** All positions up to this one have been looked at. */
  #at = -BEHIND_ALL
  #lastSent = -BEHIND_ALL
  #sent = 0

  constructor(
    plan: SearchPlan,
    parts: SearchParts,
    to: { readonly writer: EntryWriter; readonly operation: LdapOperation },
  ) {
    const { request, paged, context } = parts
    this.#plan = plan
    this.#parts = parts
    this.#writer = to.writer
    this.#operation = to.operation
    this.#scope = paged === null ? [] : scopeOf(request, context)
    this.#deadlineMs =
      request.timeLimit === 0
        ? Number.POSITIVE_INFINITY
        : performance.now() + request.timeLimit * 1_000
    this.#maxEntries = request.sizeLimit === 0 ? Number.POSITIVE_INFINITY : request.sizeLimit
    const start = this.#startOf(paged)
    if (start !== null) {
      this.#at = start.after
      this.#lastSent = start.after
      this.#sent = start.sent
    }
    this.#pageEnd = paged === null ? Number.POSITIVE_INFINITY : this.#sent + paged.size
  }

  run(): Outcome | Promise<Outcome> {
    const { paged } = this.#parts
    if (paged !== null) {
      if (paged.cookie.length > 0 && this.#startOf(paged) === null) {
        return result(ResultCode.unwillingToPerform, 'this page cookie is not for this search')
      }
      // RFC 2696 §3: size 0 gives a sequence up.
      if (paged.size === 0) return this.#finished(null)
    }
    const step = this.#step()
    return step === 'paused' ? this.#rest() : step
  }

  async #rest(): Promise<Outcome> {
    for (;;) {
      await this.#writer.ready()
      if (this.#operation.isOver) return success
      if (!this.#parts.isAllowed()) return result(ResultCode.insufficientAccessRights, '')
      if (performance.now() > this.#deadlineMs) return result(ResultCode.timeLimitExceeded, '')
      const step = this.#step()
      if (step !== 'paused') return step
    }
  }

  #step(): Step {
    const { first, query, last } = this.#plan
    return (
      this.#synthetic(first, -first.length) ??
      (query === null ? null : this.#entries(query)) ??
      this.#synthetic(last, BEHIND_ALL - last.length) ??
      this.#finished(null)
    )
  }

  #synthetic(entries: readonly SyntheticEntry[], start: number): Step | null {
    if (entries.length === 0) return null
    const matches = compileFilter(this.#parts.request.filter)
    for (const [index, entry] of entries.entries()) {
      const position = start + index
      if (position <= this.#at) continue
      if (matches(syntheticValues(entry)) === true) {
        const limit = this.#limit()
        if (limit !== null) return limit
        const { objectName, attributes } = encodeSynthetic(entry, this.#parts.selection)
        this.#count(position)
        if (!this.#writer.entry(objectName, attributes)) return 'paused'
      }
      this.#at = position
    }
    return null
  }

  #entries(query: Query): Step | null {
    const { directory } = this.#parts.context
    let isPaused = false
    const goOn = (no: number) => {
      // Everything before this candidate has been looked at.
      this.#at = no - 1
      isPaused = !this.#writer.mayContinue()
      return !isPaused
    }
    for (const entry of directory.search(query, { afterNo: Math.max(this.#at, -1), goOn })) {
      const limit = this.#limit()
      if (limit !== null) return limit
      if (!this.#send(entry)) return 'paused'
    }
    return isPaused ? 'paused' : null
  }

  #send(entry: Entry): boolean {
    const { selection, context } = this.#parts
    this.#count(entry.no)
    return context.encoder.write(entry, selection, { writer: this.#writer, context })
  }

  #count(position: number): void {
    this.#at = position
    this.#lastSent = position
    this.#sent++
  }

  /** Asked when one more has been found, so that the last page is known to be the last. */
  #limit(): Outcome | null {
    if (this.#sent >= this.#maxEntries) return result(ResultCode.sizeLimitExceeded, '')
    if (this.#sent < this.#pageEnd) return null
    return this.#finished({ after: this.#lastSent, sent: this.#sent })
  }

  #finished(position: PagePosition | null): Outcome {
    if (this.#parts.paged === null) return success
    const cookie =
      position === null ? Buffer.alloc(0) : this.#parts.cookies.encode(position, this.#scope)
    return { ...success, controls: [encodePagedResults({ size: 0, cookie })] }
  }

  #startOf(paged: PagedResults | null): PagePosition | null {
    if (paged === null || paged.cookie.length === 0) return null
    return this.#parts.cookies.decode(paged.cookie, this.#scope)
  }
}

/** A search for the root DSE or the schema, which need no viewer. */
export function searchPublic(
  entry: SyntheticEntry,
  request: SearchRequest,
  to: {
    readonly writer: EntryWriter
    readonly selection: Selection
    readonly isPaged: boolean
  },
): Outcome {
  const isInScope = request.scope === 'base' || request.scope === 'sub'
  if (isInScope && compileFilter(request.filter)(syntheticValues(entry)) === true) {
    const { objectName, attributes } = encodeSynthetic(entry, to.selection)
    to.writer.entry(objectName, attributes)
  }
  return to.isPaged ? lastPage : success
}

const lastPage: Outcome = {
  ...success,
  controls: [encodePagedResults({ size: 0, cookie: Buffer.alloc(0) })],
}

/** Everything but the page size, which a client may change from page to page (RFC 2696 §3). */
function scopeOf(request: SearchRequest, { viewer, directory }: SearchContext): readonly string[] {
  return [
    request.baseObject,
    request.scope,
    formatFilter(request.filter),
    JSON.stringify(request.attributes),
    String(request.typesOnly),
    viewer.key,
    directory.position.epoch,
  ]
}
