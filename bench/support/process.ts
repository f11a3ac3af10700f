import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

const START_MS = 120_000
const STOP_MS = 30_000

/** @throws when the server ends before it is ready, or takes too long */
export async function untilReady(child: ChildProcess, isReady: () => boolean): Promise<void> {
  const giveUpAtMs = performance.now() + START_MS
  while (!isReady()) {
    if (child.exitCode !== null || performance.now() > giveUpAtMs) {
      child.kill('SIGKILL')
      throw new Error(`${child.spawnfile} did not start`)
    }
    await sleep(50)
  }
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await gone
  clearTimeout(timer)
}
