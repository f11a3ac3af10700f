import { CommanderError } from 'commander'
import { CliError } from './cli/client.ts'
import { makeProgram } from './cli/program.ts'
import { ConfigError } from './config/config.ts'

/** How long everything has to end after a signal before the process is ended. */
const DRAIN_LIMIT_MS = 30_000

/**
 * Runs one command. Sets the exit code, which is 0 only on success, and leaves the ending to Node:
 * what still holds it open is a fault to be seen.
 *
 * @param argv arguments without the interpreter and the script
 */
export async function main(argv: readonly string[]): Promise<void> {
  const stopping = new AbortController()
  const stop = () => {
    if (stopping.signal.aborted) process.exit(1)
    stopping.abort()
    setTimeout(() => process.exit(1), DRAIN_LIMIT_MS).unref()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  try {
    const write = (text: string) => process.stdout.write(text)
    await makeProgram({ env: process.env, signal: stopping.signal, write }).parseAsync([...argv], {
      from: 'user',
    })
  } catch (error) {
    process.exitCode = report(error, stopping.signal)
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

function report(error: unknown, signal: AbortSignal): number {
  if (error instanceof CommanderError) return error.exitCode
  if (signal.aborted && error === signal.reason) return 0
  process.stderr.write(`${explain(error)}\n`)
  return 1
}

/** Faults whose message is for the person at the terminal; others show where they come from. */
const SPEAKING = new Set(['StorageError', 'DirectoryError', 'SourceError'])

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof CliError || error instanceof ConfigError || SPEAKING.has(error.name))
    return error.message
  const aboutFile = explainFile(error)
  if (aboutFile !== null) return aboutFile
  if (error.cause !== undefined) return `${error.message}: ${explain(error.cause)}`
  return error.stack ?? error.message
}

const FILE_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'may not be read or written by this account',
  EPERM: 'may not be changed by this account',
  EEXIST: 'is there already; it is not written over',
  EISDIR: 'is a folder, and a file is wanted',
  ENOTDIR: 'leads through a file that is no folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk can only be read',
}

/** What is wrong with a file that was named on the command line or in the settings. */
function explainFile(error: Error): string | null {
  const { code, path } = error as NodeJS.ErrnoException
  const fault = code === undefined ? undefined : FILE_FAULTS[code]
  return fault === undefined || path === undefined ? null : `${path}: ${fault}`
}
