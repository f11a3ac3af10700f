import { ApiError } from '../admin/error.ts'
import { SourceError } from '../sources/source.ts'

/** What a source answers is no fault of ours: its message says what to do, and is passed on. */
export async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    const status = error.code === 'SOURCE_REFUSED' ? 422 : 502
    throw new ApiError(status, error.code.toLowerCase().replaceAll('_', '-'), error.message)
  }
}
