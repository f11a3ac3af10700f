import { type Source, SourceError, type SourceItem, type Step, type Stream } from './source.ts'

/** 100,000 people at 200 a page are 500; a group's members may fill pages of their own. */
const MAX_PAGES = 50_000
/** No round may take longer; the next one starts again from the last token. */
const MAX_DURATION_MS = 2 * 60 * 60_000
/** So many pages in a row that bring nothing: a source going round in circles under new links. */
const MAX_EMPTY_PAGES = 200

export type StreamStep =
  | { readonly kind: 'page'; readonly items: readonly SourceItem[] }
  | Exclude<Step, { readonly kind: 'page' }>

export interface ReadOptions {
  readonly signal: AbortSignal
  readonly nowMs?: () => number
  readonly maxPages?: number
  readonly maxDurationMs?: number
}

/**
 * Follows a source's links from `from` to the end of a round. The next page is asked for while the
 * consumer keeps the one it was given.
 *
 * @throws {SourceError} `SOURCE_NONSENSE` when the links lead in a circle or have no end
 */
export async function* readStream(
  source: Source,
  stream: Stream,
  from: string | null,
  options: ReadOptions,
): AsyncGenerator<StreamStep, void, void> {
  const guard = new LoopGuard(options)
  guard.follow(from)
  let pending = request(source, stream, from, options.signal)
  for (;;) {
    const step = await pending
    if (step.kind !== 'page') {
      yield step
      return
    }
    guard.follow(step.nextLink)
    guard.count(step.items.length)
    pending = request(source, stream, step.nextLink, options.signal)
    yield { kind: 'page', items: step.items }
  }
}

/** A consumer that gives up leaves a page under way; its fault is then nobody's. */
function request(source: Source, stream: Stream, link: string | null, signal: AbortSignal) {
  const answer = source.read(stream, link, signal)
  answer.catch(() => {})
  return answer
}

class LoopGuard {
  readonly #seen = new Set<string>()
  readonly #nowMs: () => number
  readonly #deadlineMs: number
  readonly #maxPages: number
  #pages = 0
  #emptyInRow = 0

  constructor(options: ReadOptions) {
    this.#nowMs = options.nowMs ?? Date.now
    this.#deadlineMs = this.#nowMs() + (options.maxDurationMs ?? MAX_DURATION_MS)
    this.#maxPages = options.maxPages ?? MAX_PAGES
  }

  follow(link: string | null): void {
    if (link === null) return
    if (this.#seen.has(link)) throw nonsense('the source sent the same page link twice')
    this.#seen.add(link)
  }

  count(items: number): void {
    this.#pages += 1
    this.#emptyInRow = items === 0 ? this.#emptyInRow + 1 : 0
    if (this.#pages >= this.#maxPages) throw nonsense(`more than ${this.#maxPages} pages`)
    if (this.#emptyInRow >= MAX_EMPTY_PAGES) {
      throw nonsense(`${MAX_EMPTY_PAGES} empty pages one after the other`)
    }
    if (this.#nowMs() > this.#deadlineMs) throw nonsense('the pages did not come to an end in time')
  }
}

function nonsense(what: string): SourceError {
  return new SourceError('SOURCE_NONSENSE', `${what}; the round was dropped and nothing changed`)
}
