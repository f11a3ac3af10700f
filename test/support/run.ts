import { spawn } from 'node:child_process'

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const TIMEOUT_MS = 30_000

/** Runs a program without blocking: the daemon it speaks to may live in this process. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<Result> {
  const env = { ...process.env, ...options.env }
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'], timeout: TIMEOUT_MS })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      const [stdout, stderr] = [out, err].map((chunks) => Buffer.concat(chunks).toString())
      resolve({ code: code ?? -1, stdout: stdout ?? '', stderr: stderr ?? '' })
    })
  })
}
