import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Microsoft365 } from '../../simulators/microsoft365/index.ts'
import { DEFAULT_PERMISSIONS } from '../../simulators/microsoft365/index.ts'
import { localOrigin } from '../daemon/local-origin.ts'
import { writePrivate } from './secrets.ts'

/** Who may consent and enter codes in the simulated tenant. */
export const TENANT_ADMIN = 'patti.fernandez@contoso.example'
/** They sign in with Microsoft, with the password everybody has here. */
const MEMBERS = [TENANT_ADMIN, 'adele.vance@contoso.example', 'alex.wilber@contoso.example']
const PROVIDER_ID = '6f0c7a52-8a94-4b6e-9d51-0f2d8c1b7a10'
const SECRET_BYTES = 24

/** What the ways to connect a tenant need: an application of its own, and one of a provider. */
export interface DemoTenant {
  readonly tenantId: string
  readonly loginUrl: string
  readonly graphUrl: string
  readonly controlUrl: string
  readonly caFile: string
  readonly clientId: string
  readonly secretFile: string
  readonly providerId: string
  readonly providerSecretFile: string
}

/**
 * Makes of the simulated tenant what an administrator would have made of hers: somebody who may
 * consent, redirect addresses that lead here, and an application that a provider has registered.
 */
export async function prepareTenant(
  simulator: Microsoft365,
  parts: {
    readonly dataDir: string
    readonly password: string
    readonly listeners: Readonly<Record<string, readonly string[]>>
  },
): Promise<DemoTenant> {
  const { dataDir, password, listeners } = parts
  const { tenant } = simulator
  for (const upn of MEMBERS) {
    const user = tenant.findUser(upn)
    if (user === null || user === undefined) continue
    tenant.setSignIn(user.id, { password })
    if (upn === TENANT_ADMIN) tenant.setRoles(user.id, ['Global Administrator'])
  }
  const callback = `${localOrigin(listeners, ['https', 'http'])}/account/microsoft/callback`
  await control(simulator, 'PATCH', '/application', {
    redirectUris: [callback],
    optionalClaims: ['auth_time'],
  })
  const providerSecret = randomBytes(SECRET_BYTES).toString('base64url')
  await control(simulator, 'POST', '/applications', {
    clientId: PROVIDER_ID,
    displayName: 'Gatehouse of a provider',
    requiredPermissions: DEFAULT_PERMISSIONS,
    redirectUris: [`http://localhost/connect/microsoft365`],
  })
  await control(simulator, 'PATCH', `/application?client=${PROVIDER_ID}`, {
    addSecret: providerSecret,
  })
  const secretFile = join(dataDir, 'contoso.secret')
  const providerSecretFile = join(dataDir, 'provider.secret')
  writePrivate(secretFile, simulator.clientSecret)
  writePrivate(providerSecretFile, providerSecret)
  const { tenantId, loginUrl, graphUrl, controlUrl, caFile, clientId } = simulator
  return {
    tenantId,
    loginUrl,
    graphUrl,
    controlUrl,
    caFile,
    clientId,
    secretFile,
    providerId: PROVIDER_ID,
    providerSecretFile,
  }
}

async function control(
  { controlUrl }: Microsoft365,
  method: string,
  path: string,
  body: object,
): Promise<void> {
  const response = await fetch(`${controlUrl}${path}`, { method, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
}
