import { createWriteStream, renameSync, rmSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'

/** Writes an archive to disk, for its owner only. Half of one must not be taken for one: it gets its name when it is whole. */
export async function writeArchiveFile(
  file: string,
  archive: AsyncIterable<Uint8Array>,
): Promise<void> {
  const unfinished = `${file}.unfinished`
  try {
    await pipeline(archive, createWriteStream(unfinished, { mode: 0o600, flush: true }))
    renameSync(unfinished, file)
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw error
  }
}
