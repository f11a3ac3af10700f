import { SHORT_MINIMUM, SHORT_SHARE } from './guard.ts'
import { type Source, SourceError, type Stream } from './source.ts'

/** What is here of a source. */
export interface Holdings {
  /** Of people those who are imported, and those who could be. */
  readonly here: number
  /** Of those: gone there, and waiting for an admin to say so here. */
  readonly waiting: number
}

export interface StreamVerification extends Holdings {
  readonly stream: Stream
  /** What the source counts; null when it would not say. */
  readonly there: number | null
  /** Apart by more than lag explains, even once what waits has been approved. */
  readonly differs: boolean
  /** Why there is no count; null when there is one. */
  readonly error: string | null
}

export type Verification = readonly StreamVerification[]

/** Where what is here is counted. */
export interface HoldingsStore {
  readHoldings(sourceId: string): Promise<Readonly<Record<Stream, Holdings>>>
  keepVerification(sourceId: string, verification: Verification): Promise<void>
}

const STREAMS: readonly Stream[] = ['people', 'groups']

/**
 * Compares by count: rounds bring what changed, and a change that was never told shows here. Nothing
 * is mended by it; a full round does.
 *
 * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE`
 */
export async function verifySource(
  parts: { readonly source: Source; readonly store: HoldingsStore; readonly sourceId: string },
  signal: AbortSignal,
): Promise<Verification> {
  const { source, store, sourceId } = parts
  const counted: { stream: Stream; there: number | null; error: string | null }[] = []
  for (const stream of STREAMS) counted.push(await countThere(source, stream, signal))
  const holdings = await store.readHoldings(sourceId)
  const verification = counted.map(({ stream, there, error }) => {
    const { here, waiting } = holdings[stream]
    return { stream, there, here, waiting, differs: isApart(there, { here, waiting }), error }
  })
  await store.keepVerification(sourceId, verification)
  return verification
}

async function countThere(source: Source, stream: Stream, signal: AbortSignal) {
  try {
    return { stream, there: await source.count(stream, signal), error: null }
  } catch (error) {
    if (error instanceof SourceError) return { stream, there: null, error: error.message }
    throw error
  }
}

function isApart(there: number | null, { here, waiting }: Holdings): boolean {
  if (there === null) return false
  const lag = Math.max(SHORT_MINIMUM, Math.floor(there * SHORT_SHARE))
  return Math.abs(there - here) > lag && Math.abs(there - (here - waiting)) > lag
}
