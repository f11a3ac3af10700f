import { getPriority, setPriority } from 'node:os'

/** Of `nice`: the processor goes to the others about ten times as often. */
const STEPS = 10

/**
 * Lets the server go first. Clients that only make load stand for machines of their own, which would
 * not take its processors from it.
 *
 * @param pid without it the process that asks
 */
export function giveWay(pid = 0): void {
  setPriority(pid, getPriority(pid) + STEPS)
}
