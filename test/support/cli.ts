import { makeProgram } from '../../src/cli/program.ts'

/** The command line over a daemon's own socket; gives what it prints. */
export function cliOf(dataDir: string): (...argv: readonly string[]) => Promise<string> {
  return async (...argv) => {
    let output = ''
    const write = (text: string) => {
      output += text
    }
    const program = makeProgram({ env: {}, signal: AbortSignal.timeout(60_000), write })
    await program.parseAsync(['--data', dataDir, ...argv], { from: 'user' })
    return output
  }
}
