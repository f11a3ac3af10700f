import type { Application } from '../login/application.ts'
import { GRAPH_AUDIENCE } from '../login/scopes.ts'
import { badRequest } from './graph-error.ts'
import { APP_ROLES, SCOPE_IDS } from './permission-ids.ts'

/** Each that is given takes the place of what was there. */
export function changeProperties(application: Application, body: Record<string, unknown>): void {
  const { web, optionalClaims, requiredResourceAccess } = body as {
    web?: { redirectUris?: unknown }
    optionalClaims?: { idToken?: readonly { name?: unknown }[] }
    requiredResourceAccess?: readonly {
      resourceAppId?: unknown
      resourceAccess?: readonly { id?: unknown; type?: unknown }[]
    }[]
  }
  const uris = web?.redirectUris
  if (uris !== undefined) {
    if (!isTexts(uris) || uris.some((uri) => !/^https:|^http:\/\/localhost/.test(uri)))
      throw badRequest('Reply URL has to be https, or http://localhost.')
    replace(application.redirectUris, uris)
  }
  if (optionalClaims !== undefined)
    replace(
      application.optionalClaims,
      (optionalClaims.idToken ?? []).map(({ name }) => String(name)),
    )
  if (requiredResourceAccess === undefined) return
  const access = requiredResourceAccess.flatMap(({ resourceAppId, resourceAccess = [] }) =>
    resourceAppId === GRAPH_AUDIENCE ? resourceAccess : [],
  )
  const roles = access
    .filter(({ type }) => type === 'Role')
    .map(({ id }) => APP_ROLES.get(String(id)))
  const scopes = access.filter(({ type }) => type === 'Scope')
  if (roles.includes(undefined) || scopes.some(({ id }) => !SCOPE_IDS.has(String(id))))
    throw badRequest('A permission of requiredResourceAccess is not known to the resource.')
  replace(application.requiredPermissions, roles.map(String))
}

function replace(set: Set<string>, values: readonly string[]): void {
  set.clear()
  for (const value of values) set.add(value)
}

/** The whole list takes the place of the one before; an entry without a key keeps the key it names. */
export function replaceKeys(application: Application, credentials: unknown): void {
  if (!Array.isArray(credentials)) throw badRequest("'keyCredentials' is a list.")
  const pems = credentials.map((credential: Record<string, unknown>) => {
    const { type, usage, key } = credential
    if (type !== 'AsymmetricX509Cert' || usage !== 'Verify' || typeof key !== 'string')
      throw badRequest('KeyCredential is invalid.')
    return toPem(key)
  })
  const before = new Map(application.certificates)
  application.certificates.clear()
  try {
    for (const pem of pems) application.addCertificate(pem)
  } catch {
    application.certificates.clear()
    for (const [thumbprint, certificate] of before)
      application.certificates.set(thumbprint, certificate)
    throw badRequest('Key credential value is invalid.')
  }
}

/** @param key DER in base64, as Graph takes a certificate */
export function toPem(key: string): string {
  return `-----BEGIN CERTIFICATE-----\n${key}\n-----END CERTIFICATE-----\n`
}

export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}
