import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Measured, Task } from './ldap-load.ts'
import { giveWay } from './priority.ts'

const file = fileURLToPath(new URL('ldap-load.ts', import.meta.url))

/** A process of its own that makes load, so that measuring costs the measured one nothing. */
export class Loader {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(): Promise<Loader> {
    const child = spawn(process.execPath, [...process.execArgv, file], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    await once(child, 'message')
    return new Loader(child)
  }

  /** As {@link giveWay} has it. */
  giveWay(): void {
    giveWay(this.#child.pid)
  }

  /** One task at a time. */
  async run(task: Task): Promise<Measured> {
    const answered = once(this.#child, 'message')
    this.#child.send(task)
    const [answer] = (await answered) as [{ measured?: Measured; error?: string }]
    if (answer.measured === undefined) throw new Error(answer.error ?? 'no answer')
    return answer.measured
  }

  stop(): void {
    this.#child.kill()
  }
}
