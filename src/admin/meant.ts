import { ApiError } from './error.ts'

interface Share {
  readonly affected: number
  readonly all: number
  readonly whom?: string
}

/** An act on many that was not said to mean so many: 409 `approval-needed`, with count and share. */
export function approvalNeeded(verb: string, { affected, all, whom = 'people' }: Share): ApiError {
  const share = Math.round((100 * affected) / Math.max(1, all))
  return new ApiError(
    409,
    'approval-needed',
    `this ${verb} ${affected} of ${all} ${whom} (${share} %): say that you mean so many, with count (--count ${affected})`,
  )
}
