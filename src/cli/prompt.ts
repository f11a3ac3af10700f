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

/**
 * Asks for a yes at the terminal.
 *
 * @param otherwise the option that says yes where there is no terminal
 */
export async function confirm(
  question: string,
  signal: AbortSignal,
  otherwise = '--yes',
): Promise<boolean> {
  if (!stdin.isTTY) throw new CliError(`there is no terminal to ask at: give ${otherwise}`)
  const terminal = createInterface({ input: stdin, output: stderr })
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal })
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}
