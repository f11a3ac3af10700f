import { CliError } from './client.ts'

/**
 * The whole number an option was given; undefined when it was not given.
 *
 * @throws {CliError} when it is none
 */
export function numberFrom<Text extends string | undefined>(
  option: string,
  text: Text,
): Text extends string ? number : number | undefined
export function numberFrom(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d+$/.test(text)) throw new CliError(`${option} takes a whole number, not "${text}"`)
  return Number(text)
}
