import { readFileSync } from 'node:fs'

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_A_SECOND = 100
/** utime and stime, counted behind the command's name (proc(5)). */
const USER_TIME = 11
const SYSTEM_TIME = 12

/** Processor time of a process and all its threads so far. */
export function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) / TICKS_A_SECOND
}
