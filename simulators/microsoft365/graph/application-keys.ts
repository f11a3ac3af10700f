import { reply } from '../http/exchange.ts'
import type { Application } from '../login/application.ts'
import { parseJwt, verifyJwt } from '../login/jwt.ts'
import { readBody } from './application-calls.ts'
import { toPem } from './application-properties.ts'
import type { GraphContext } from './context.ts'
import { badRequest, GraphError, notFound } from './graph-error.ts'
import type { RouteAnswer } from './objects.ts'
import { idOf } from './permission-ids.ts'

/** What a proof of possession is addressed to. */
const DIRECTORY_SERVICE = '00000002-0000-0000-c000-000000000000'
const MAX_PROOF_MS = 10 * 60_000
const SKEW_MS = 5 * 60_000
/** Allow an application to change the keys of others; its own it may change without. */
const OTHERS = ['Application.ReadWrite.All', 'Directory.ReadWrite.All']

/** application: addKey. One that proves to have a key of its own gets another beside it. */
export const addKey: RouteAnswer = (request, context, key) => {
  const application = ownOf(context, key)
  const body = readBody(request, ['keyCredential', 'passwordCredential', 'proof'])
  proveKey(application, body['proof'], context)
  const { type, usage, key: given } = (body['keyCredential'] ?? {}) as Record<string, unknown>
  if (type !== 'AsymmetricX509Cert' || usage !== 'Verify' || typeof given !== 'string')
    throw badRequest('KeyCredential is invalid.')
  const lagMs = context.newApplicationLagMs
  const before = new Set(application.certificates.keys())
  const thumbprint = addedOf(application, toPem(given), lagMs === 0 ? 0 : context.realMs() + lagMs)
  if (before.has(thumbprint)) throw badRequest('A credential with the same value exists already.')
  return reply({ keyId: idOf(thumbprint), type, usage, key: null }, 200)
}

/** application: removeKey. */
export const removeKey: RouteAnswer = (request, context, key) => {
  const application = ownOf(context, key)
  const body = readBody(request, ['keyId', 'proof'])
  proveKey(application, body['proof'], context)
  const thumbprint = [...application.certificates.keys()].find(
    (each) => idOf(each) === body['keyId'],
  )
  if (thumbprint === undefined) throw badRequest('No credentials found to be removed.')
  application.certificates.delete(thumbprint)
  return reply(null, 204)
}

function ownOf(context: GraphContext, key: string): Application {
  const application = context.applications.all().find(({ objectId }) => objectId === key)
  if (application === undefined) throw notFound(key)
  const isOwn = application === context.application
  if (isOwn || OTHERS.some((name) => context.permissions.has(name))) return application
  throw new GraphError(
    403,
    'Authorization_RequestDenied',
    'Insufficient privileges to complete the operation.',
  )
}

function addedOf(application: Application, pem: string, knownFromMs: number): string {
  try {
    return application.addCertificate(pem, knownFromMs)
  } catch {
    throw badRequest('Key credential value is invalid.')
  }
}

function proveKey(application: Application, proof: unknown, { realMs }: GraphContext): void {
  const jwt = parseJwt(String(proof))
  const nowMs = realMs()
  const keys = [...application.certificates.values()].filter(
    ({ expiresAtMs }) => expiresAtMs > nowMs,
  )
  const { aud, iss, nbf, exp } = jwt?.claims ?? {}
  const startsMs = Number(nbf) * 1000
  const endsMs = Number(exp) * 1000
  const isGood =
    jwt !== null &&
    jwt.header['alg'] === 'RS256' &&
    keys.some(({ key }) => verifyJwt(jwt, key)) &&
    aud === DIRECTORY_SERVICE &&
    iss === application.objectId &&
    startsMs <= nowMs + SKEW_MS &&
    endsMs > nowMs - SKEW_MS &&
    endsMs - startsMs <= MAX_PROOF_MS
  if (isGood) return
  throw new GraphError(
    401,
    'Authentication_MissingOrMalformed',
    'Access Token missing or malformed.',
  )
}
