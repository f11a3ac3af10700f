import { CliError } from './client.ts'

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const SPAN = /^(\d{1,5})([mhd])$/

/** @throws {CliError} for what is no time */
export function timeFrom(option: string, text: string): string {
  const at = new Date(text)
  if (Number.isNaN(at.getTime())) throw new CliError(`${option} takes a time, not "${text}"`)
  return inSeconds(at)
}

/**
 * The moment that comes so much later, such as `90m`, `8h` or `3d`.
 *
 * @throws {CliError} for what is no span
 */
export function timeAfter(fromMs: number, option: string, text: string): string {
  const [, count, unit] = SPAN.exec(text) ?? []
  if (count === undefined) throw new CliError(`${option} takes 90m, 8h or 3d, not "${text}"`)
  return inSeconds(new Date(fromMs + Number(count) * UNITS[unit as keyof typeof UNITS]))
}

function inSeconds(at: Date): string {
  return at.toISOString().replace(/\.\d+Z$/, 'Z')
}
