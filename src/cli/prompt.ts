import { stderr, stdin } from 'node:process'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { CliError } from './client.ts'

/** Asks for a secret at the terminal without showing it. */
export async function promptSecret(question: string, signal: AbortSignal): Promise<string> {
  if (!stdin.isTTY) {
    throw new CliError(
      'there is no terminal to ask at: give --password-file (`-` is standard input) or --generate',
    )
  }
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
