import { setTimeout as sleep } from 'node:timers/promises'
import type { ExplainedAnswer } from '../admin/routes/log.ts'
import type { ApiClient } from './client.ts'

const LOOK_MS = 1_000
/** Rows of two daemons can be stored in another order than their ids; so many are looked at again. */
const OVERLAP = 256n
const MOST = 1_000

type Query = Readonly<Record<string, string>>

/** Which rows have been shown, as far back as they may come again. */
class Shown {
  #ids = new Set<bigint>()
  #newest = 0n

  /** The id behind which to look next. */
  get after(): bigint {
    return this.#newest > OVERLAP ? this.#newest - OVERLAP : 0n
  }

  /** Those of `answers` not shown before; from now on they are. */
  takeNew(answers: readonly ExplainedAnswer[]): readonly ExplainedAnswer[] {
    const fresh = answers.filter(({ id }) => !this.#ids.has(BigInt(id)))
    for (const { id } of fresh) {
      this.#ids.add(BigInt(id))
      if (BigInt(id) > this.#newest) this.#newest = BigInt(id)
    }
    for (const id of this.#ids) if (id <= this.after) this.#ids.delete(id)
    return fresh
  }
}

/** Answers as they are stored, each once, from the last few on; ends with the signal. */
export async function* followAnswers(
  client: ApiClient,
  query: Query,
  { first, signal }: { readonly first: string; readonly signal: AbortSignal },
): AsyncGenerator<ExplainedAnswer> {
  const ask = async (more: Query) =>
    (await client.get<{ answers: ExplainedAnswer[] }>('/log', { ...query, ...more })).answers
  const shown = new Shown()
  yield* shown.takeNew((await ask({ limit: first })).reverse())
  while (!signal.aborted) {
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    yield* shown.takeNew(await ask({ after: String(shown.after), limit: String(MOST) }))
  }
}
