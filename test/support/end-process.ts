import type { ChildProcess } from 'node:child_process'

const PATIENCE_MS = 10_000

/** Asks a program to end, makes it end when it does not, and resolves when it has. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
    await ended
    clearTimeout(timer)
  }
  // Helpers of its own may hold the other ends for a moment more.
  child.stdout?.destroy()
  child.stderr?.destroy()
}
