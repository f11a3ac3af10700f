import {
  type BindRequest,
  type LdapPeer,
  type Outcome,
  ResultCode,
} from '../../../protocols/ldap/index.ts'
import {
  type Attempt,
  type Outcome as Authentication,
  AuthenticationUnavailable,
  type UnavailableReason,
} from '../../credentials/authenticate.ts'
import type { Directory } from '../../directory/directory.ts'
import type { Service } from '../../directory/service.ts'
import { result, success } from './result.ts'
import type { Tree } from './tree.ts'

const UNAVAILABLE: Readonly<Record<UnavailableReason, number>> = {
  database: ResultCode.unavailable,
  stale: ResultCode.unavailable,
  stopping: ResultCode.unavailable,
  overloaded: ResultCode.busy,
  'source-unavailable': ResultCode.unavailable,
  'source-misconfigured': ResultCode.unavailable,
}

/** Every denial reads the same: no code, text or DN tells an unknown name from a wrong password. */
export const denied: Outcome = result(ResultCode.invalidCredentials, '')

/**
 * What can be answered without asking anybody: what the server does not do, and the anonymous bind.
 * Null when there is a password to be checked.
 */
export function answerAtOnce(
  request: BindRequest,
  peer: LdapPeer,
  settings: Directory['settings'],
): Outcome | null {
  const { name, authentication } = request
  if (authentication.kind === 'sasl') {
    return result(ResultCode.authMethodNotSupported, 'simple bind only')
  }
  const isEmpty = authentication.password.length === 0
  if (name === '' && isEmpty) return success
  if (!peer.isEncrypted && !peer.isLoopback && !settings.allowPlaintextBinds) {
    return result(ResultCode.confidentialityRequired, 'use StartTLS or ldaps')
  }
  // RFC 4513 §5.1.2: a client that forgot to ask for a password must not believe it has signed in.
  if (isEmpty) return result(ResultCode.unwillingToPerform, 'a name without a password')
  return null
}

/** Who a bind claims to be: a DN of ours, or a log-in name as people type it. */
export function subjectOf(
  name: string,
  directory: Directory,
  tree: Tree | null,
): Attempt['subject'] {
  if (!name.includes('=')) return { by: 'login-name', name }
  const target = tree?.resolve(name, directory)
  return { by: 'entry', entry: target?.is === 'entry' ? target.entry : null, name }
}

export function attemptOf(
  request: BindRequest,
  parts: {
    readonly subject: Attempt['subject']
    readonly client: Service | null
    readonly peer: LdapPeer
  },
): Attempt {
  const { authentication } = request
  const { subject, client, peer } = parts
  return {
    subject,
    password: authentication.kind === 'simple' ? authentication.password : Buffer.alloc(0),
    resource: { kind: 'ldap', client },
    method: 'ldap-simple',
    address: peer.address,
    device: null,
    detail: { tls: peer.isEncrypted },
  }
}

/** A fault is no denial: the client should try another server, or later. */
export function answerFault(error: unknown): Outcome {
  if (error instanceof AuthenticationUnavailable) return result(UNAVAILABLE[error.reason], '')
  throw error
}

export function answerOf(authentication: Authentication): Outcome {
  return authentication.ok ? success : denied
}
