import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { openEngine } from './engine.ts'

/**
 * Entry of a child process: makes a new cluster. Creating one takes up to 900 MB, which a process
 * would keep; this one ends. The cluster appears under its name only when it is whole.
 */
async function create(directory: string): Promise<void> {
  const unfinished = `${directory}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { mode: 0o700 })
  const engine = await openEngine(unfinished)
  await engine.close()
  renameSync(unfinished, directory)
}

const [directory] = process.argv.slice(2)
if (!directory) throw new Error('create: no directory given')
process.umask(0o077)
create(directory).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
