import { type Outcome, ResultCode } from '../../../protocols/ldap/index.ts'

/** A result with a code and a text for people, which is empty where it would tell too much. */
export function result(code: number, diagnostic: string): Outcome {
  return { code, matchedDn: '', diagnostic, referral: [] }
}

export const success: Outcome = result(ResultCode.success, '')

export function noSuchObject(matchedDn: string): Outcome {
  return { ...result(ResultCode.noSuchObject, ''), matchedDn }
}
