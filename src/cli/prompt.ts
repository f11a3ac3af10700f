import { stderr, stdin } from 'node:process'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { CliError } from './client.ts'

/**
 * Asks for a secret at the terminal without showing it.
 *
 * @param otherwise the options to give where there is no terminal
 */
export async function promptSecret(
  question: string,
  signal: AbortSignal,
  otherwise = '--password-file (`-` is standard input) or --generate',
): Promise<string> {
  if (!stdin.isTTY) throw new CliError(`there is no terminal to ask at: give ${otherwise}`)
  stderr.write(question)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: stdin, output: nowhere, terminal: true })
  try {
    return await terminal.question('', { signal })
  } finally {
    terminal.close()
    stderr.write('\n')
  }
}
