import { createPublicKey, randomUUID } from 'node:crypto'
import { Application } from '../login/application.ts'

const LISTS = [
  'permissions',
  'requiredPermissions',
  'directoryRoles',
  'delegatedScopes',
  'redirectUris',
  'optionalClaims',
  'owners',
  'principalOwners',
] as const
const STATES = ['enabled', 'disabled', 'removed'] as const

/** Without the secrets. */
export function describeApplication(application: Application): object {
  const { clientId, displayName, state, isInstalled, isPublic } = application
  const { certificates, federatedCredentials, secrets } = application
  return {
    clientId,
    displayName,
    state,
    isInstalled,
    isPublic,
    ...Object.fromEntries(LISTS.map((name) => [name, [...application[name]]])),
    certificates: [...certificates.keys()],
    federatedCredentials: federatedCredentials.map(({ issuerKey: _, ...shown }) => shown),
    secrets: secrets.map(({ expiresAtMs }) => ({ expiresAtMs })),
  }
}

/**
 * An application of another organization, of several tenants: it comes into being here when an
 * administrator consents. `clientId`, `displayName`, `requiredPermissions`, `redirectUris`.
 */
export function registerElsewhere(parts: Readonly<Record<string, unknown>>): Application {
  const list = (name: string): string[] => {
    const value = parts[name] ?? []
    if (Array.isArray(value)) return value.map(String)
    throw new TypeError(`${name} is a list`)
  }
  return new Application({
    clientId: String(parts['clientId'] ?? randomUUID()),
    servicePrincipalId: randomUUID(),
    displayName: String(parts['displayName'] ?? 'Gatehouse for several tenants'),
    permissions: [],
    delegatedScopes: [],
    redirectUris: list('redirectUris'),
    requiredPermissions: list('requiredPermissions'),
    isForeign: true,
  })
}

/**
 * Changes the registration: `permissions`, `requiredPermissions`, `directoryRoles`, `delegatedScopes`, `redirectUris` and
 * `optionalClaims`, `owners` and `principalOwners` (the whole lists), `isPublic`, `state`, `secretsExpireAtMs`, `addSecret`,
 * `addCertificatePem`, `addFederatedCredential`, `expireTokens`.
 *
 * @throws {TypeError} for anything else; nothing has changed then
 */
export function changeApplication(
  application: Application,
  changes: Readonly<Record<string, unknown>>,
  nowMs: number,
): void {
  const steps = Object.entries(changes).map(([name, value]) => {
    const step = STEPS[name]
    if (step === undefined) throw new TypeError(`an application has no ${name}`)
    return step(application, value, nowMs)
  })
  for (const step of steps) step()
}

/** Checks its value at once and gives what is to be done. */
type Step = (application: Application, value: unknown, nowMs: number) => () => void

/** Puts a whole list in the place of another. */
function replacing(key: (typeof LISTS)[number]): Step {
  return (application, value) => {
    if (!Array.isArray(value) || value.some((name) => typeof name !== 'string'))
      throw new TypeError(`${key} is a list of names`)
    return () => {
      application[key].clear()
      for (const name of value) application[key].add(String(name))
    }
  }
}

const STEPS: Readonly<Record<string, Step>> = {
  ...Object.fromEntries(LISTS.map((name) => [name, replacing(name)])),
  isPublic: (application, value) => {
    if (typeof value !== 'boolean') throw new TypeError('isPublic is true or false')
    return () => {
      application.isPublic = value
    }
  },
  state: (application, value) => {
    const state = STATES.find((each) => each === value)
    if (state === undefined) throw new TypeError(`state is one of ${STATES.join(', ')}`)
    return () => {
      application.state = state
    }
  },
  secretsExpireAtMs: (application, value) => {
    if (typeof value !== 'number') throw new TypeError('secretsExpireAtMs is a number')
    return () => {
      const expiring = application.secrets.map((secret) => ({ ...secret, expiresAtMs: value }))
      application.secrets.splice(0, application.secrets.length, ...expiring)
    }
  },
  addSecret: (application, value) => {
    if (typeof value !== 'string' || value === '') throw new TypeError('addSecret is a text')
    return () => {
      application.secrets.push({ value, expiresAtMs: Number.POSITIVE_INFINITY })
    }
  },
  addCertificatePem: (application, value) => {
    if (typeof value !== 'string') throw new TypeError('addCertificatePem is a text')
    return () => {
      application.addCertificate(value)
    }
  },
  addFederatedCredential: (application, value) => {
    const { name, issuer, subject, audiences, issuerKeyPem } = value as Record<string, unknown>
    const texts = [name, issuer, subject, issuerKeyPem]
    if (texts.some((text) => typeof text !== 'string'))
      throw new TypeError('addFederatedCredential has name, issuer, subject and issuerKeyPem')
    const credential = {
      id: randomUUID(),
      name: String(name),
      issuer: String(issuer),
      subject: String(subject),
      audiences: [audiences ?? 'api://AzureADTokenExchange'].flat().map(String),
      issuerKey: createPublicKey(String(issuerKeyPem)),
    }
    return () => {
      application.federatedCredentials.push(credential)
    }
  },
  expireTokens: (application, value, nowMs) => {
    if (value !== true) throw new TypeError('expireTokens is true')
    return () => {
      // Tokens carry whole seconds: one issued within this second is from before, too.
      application.tokensValidFromMs = (Math.floor(nowMs / 1000) + 1) * 1000
    }
  },
}
