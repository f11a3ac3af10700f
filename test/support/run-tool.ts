import { spawn } from 'node:child_process'
import { findTool } from './tools.ts'

export interface ToolRun {
  readonly code: number | null
  readonly output: string
}

const TIMEOUT_MS = 30_000

/** Runs an installed program and resolves with its exit code and all it said. */
export function runTool(name: string, args: readonly string[], input = ''): Promise<ToolRun> {
  const path = findTool(name)
  if (path === null) throw new Error(`${name} is not installed`)
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, { stdio: 'pipe', timeout: TIMEOUT_MS })
    const parts: Buffer[] = []
    child.stdout.on('data', (part: Buffer) => parts.push(part))
    child.stderr.on('data', (part: Buffer) => parts.push(part))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output: Buffer.concat(parts).toString() }))
    // Those that read nothing may be gone before.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}
