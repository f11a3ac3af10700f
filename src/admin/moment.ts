import { Type } from 'typebox'
import { ApiError } from './error.ts'

/** A moment, as admins write one. */
export const Moment = Type.String({
  maxLength: 32,
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d)?Z$',
  description: 'such as 2026-12-24T18:00:00Z',
})

/** @throws {ApiError} for what only looks like one, such as the 31st of February */
export function readMoment(text: string): number {
  const atMs = Date.parse(text)
  if (Number.isNaN(atMs)) throw new ApiError(422, 'bad-time', `${text} is no date`)
  return atMs
}
