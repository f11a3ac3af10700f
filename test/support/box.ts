import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { run } from './run.ts'

const PATIENCE_MS = 20_000

export interface Ran {
  readonly code: number
  readonly output: string
}

/**
 * A private /etc, /run, /var/lib/sss and process table, for programs with fixed paths: what they
 * write is gone with the box, and nothing outside changes. Needs root.
 */
export class Box {
  readonly #folder: string
  readonly #outer: ChildProcess
  readonly #pid: string

  private constructor(folder: string, outer: ChildProcess, pid: string) {
    this.#folder = folder
    this.#outer = outer
    this.#pid = pid
  }

  static async start(t: Test): Promise<Box> {
    const folder = mkdtempSync(join(tmpdir(), 'gh-box-'))
    const script = `
      mount -t tmpfs box "$0"
      mkdir "$0/up" "$0/work"
      mount -t overlay -o "lowerdir=/etc,upperdir=$0/up,workdir=$0/work" overlay /etc
      for d in /run /var/lib/sss /var/log; do mount -t tmpfs box $d; done
      mkdir -p /run/lock /var/log/sssd /var/lib/sss/{db,mc,pipes/private,pubconf/krb5.include.d,secrets,keytabs,gpo_cache,deskprofile}
      chmod 700 /var/lib/sss/{db,secrets,keytabs,pipes/private}
      touch "$0/ready"
      sleep infinity & wait`
    const flags = ['-m', '-p', '-f', '--mount-proc', '--propagation', 'private']
    const outer = spawn('unshare', [...flags, 'bash', '-ec', script, folder], { stdio: 'ignore' })
    const pid = await waitForPid(outer, folder)
    const box = new Box(folder, outer, pid)
    t.teardown(() => box.#stop())
    return box
  }

  /**
   * Runs a command inside and tells its exit code and everything it printed. It does not block: the
   * daemon it speaks to may live in this process.
   */
  async run(command: string, args: readonly string[], input = ''): Promise<Ran> {
    const inside = ['-t', this.#pid, '-m', '-p', command, ...args]
    const { code, stdout, stderr } = await run('nsenter', inside, { input })
    return { code, output: stdout + stderr }
  }

  /** Starts something that goes on inside; what it prints goes to /run/NAME.log there. */
  background(name: string, command: string, args: readonly string[]): void {
    const inside = [
      '-t',
      this.#pid,
      '-m',
      '-p',
      'sh',
      '-c',
      `exec "$@" > /run/${name}.log 2>&1`,
      name,
      command,
      ...args,
    ]
    spawn('nsenter', inside, { stdio: 'ignore' })
  }

  /** Writes a file inside, mode 0600 unless said otherwise. */
  async write(path: string, text: string, mode = '600'): Promise<void> {
    const { code, output } = await this.run(
      'sh',
      ['-c', `umask 077; cat > '${path}' && chmod ${mode} '${path}'`],
      text,
    )
    if (code !== 0) throw new Error(`${path} could not be written: ${output}`)
  }

  #stop(): void {
    // The first process of the namespace: all that is inside goes with it.
    process.kill(Number(this.#pid), 'SIGKILL')
    this.#outer.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

async function waitForPid(outer: ChildProcess, folder: string): Promise<string> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += 50) {
    const children = `/proc/${outer.pid}/task/${outer.pid}/children`
    const pid = existsSync(children) ? readFileSync(children, 'utf8').trim() : ''
    if (pid !== '' && existsSync(`/proc/${pid}/root${folder}/ready`)) return pid
    if (outer.exitCode !== null) break
    await sleep(50)
  }
  outer.kill('SIGKILL')
  throw new Error('a private mount and process namespace could not be made')
}

/** Asks until `isRight` says yes; gives the last answer either way. */
export async function until(ask: () => Promise<Ran>, isRight: (ran: Ran) => boolean): Promise<Ran> {
  let last = await ask()
  for (let waitedMs = 0; !isRight(last) && waitedMs < PATIENCE_MS; waitedMs += 200) {
    await sleep(200)
    last = await ask()
  }
  return last
}
