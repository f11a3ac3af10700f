import type { LdapError } from '../errors.ts'
import type { ExtendedRequest } from '../message.ts'
import { ResultCode } from '../result-code.ts'
import { result } from './answer.ts'
import type { LdapHandler, Outcome } from './handler.ts'
import type { Operation } from './operation.ts'

/** The result for a request whose own bytes were refused while the message around it was sound. */
export function refusalOf(error: LdapError): Outcome {
  const code =
    error.code === 'LDAP_LIMIT' ? ResultCode.adminLimitExceeded : ResultCode.protocolError
  return result(code, error.message)
}

/** RFC 4511 §4.1.11: a critical control that is unknown, or not for this kind of request. */
export function controlRefusal(
  operation: Operation,
  { supportedControls }: LdapHandler,
): Outcome | null {
  const isRefused = operation.controls.some(({ type, isCritical }) => {
    return isCritical && !(supportedControls.get(type) ?? []).includes(operation.kind)
  })
  return isRefused ? result(ResultCode.unavailableCriticalExtension, 'unknown control') : null
}

/** RFC 4511 §4.14.1 */
export function startTlsRefusal(
  request: ExtendedRequest,
  facts: { readonly isEncrypted: boolean; readonly isOffered: boolean; readonly isIdle: boolean },
): Outcome | null {
  if (facts.isEncrypted) return result(ResultCode.operationsError, 'TLS is on already')
  if (!facts.isOffered) return result(ResultCode.protocolError, 'no TLS here')
  if (request.value !== null) return result(ResultCode.protocolError, 'StartTLS takes no value')
  return facts.isIdle ? null : result(ResultCode.operationsError, 'operations are pending')
}
