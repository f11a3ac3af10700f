import type { Written } from '../directory/ports/people.ts'
import type { AdminParts } from './parts.ts'

/** A change is answered once it shows here. */
export async function shown(
  { reached }: Pick<AdminParts, 'reached'>,
  change: Promise<Written>,
): Promise<{ readonly changed: number }> {
  const { changed, inboxSeq } = await change
  await reached(inboxSeq)
  return { changed }
}
