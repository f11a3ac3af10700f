import { createPrivateKey, X509Certificate } from 'node:crypto'
import { DirectoryError } from '../../directory/errors.ts'
import type { ImportPolicy } from '../judge-people.ts'
import { type Cloud, hostsOf } from './clouds.ts'
import type { Microsoft365Config, Microsoft365Secret } from './settings.ts'
import type { TokenFiles } from './token-file.ts'

/** Either a client secret, or a certificate with its private key, or a token from a file. */
export interface NewMicrosoft365Secret {
  readonly clientSecret: string | null
  readonly certificate: string | null
  readonly privateKey: string | null
  /** Name of a token file of this daemon's configuration. */
  readonly federatedToken?: string | null
  /** ISO 8601: when the client secret ends; null or left out when nobody knows. */
  readonly secretExpiresAt?: string | null
}

export interface NewMicrosoft365Source extends NewMicrosoft365Secret {
  readonly name: string
  readonly tenantId: string
  readonly clientId: string
  /** Object id of the app registration, where it is known. */
  readonly applicationId?: string
  /** Null is the global one. */
  readonly cloud: Cloud | null
  /** In place of the cloud's own, for a proxy or a simulator. */
  readonly loginUrl: string | null
  readonly graphUrl: string | null
  /** PEM of a CA to trust beside the system's, for a proxy or a simulator. */
  readonly ca: string | null
  readonly includeGuests: boolean
  /** Who comes in by herself; everybody when absent. */
  readonly import?: ImportPolicy
  /** Nothing is imported before it is resumed. */
  readonly paused: boolean
}

function refuseStrangers(certificate: string, privateKey: string): void {
  let isPair: boolean
  try {
    isPair = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey))
  } catch (cause) {
    const why = 'certificate and private key are wanted as PEM, the key without a passphrase'
    throw new DirectoryError('DIRECTORY_REFUSED', why, { cause })
  }
  if (isPair) return
  throw new DirectoryError('DIRECTORY_REFUSED', 'the private key is not that of the certificate')
}

/**
 * @throws {DirectoryError} `DIRECTORY_REFUSED` when neither a secret, nor a pair of certificate and key,
 *   nor a token file was given, or more than one, or a file that the configuration does not name
 */
export function toConfig(
  source: NewMicrosoft365Source,
  tokenFiles: TokenFiles,
): {
  readonly config: Microsoft365Config
  readonly secret: Microsoft365Secret
} {
  const { secret, ...credential } = toSecret(source, tokenFiles)
  return {
    config: {
      tenantId: source.tenantId,
      clientId: source.clientId,
      ...hostsOf(source.cloud, source),
      ...credential,
      applicationId: source.applicationId ?? null,
      ca: source.ca,
      includesGuests: source.includeGuests,
      includesDisabled: true,
      import: source.import ?? 'everybody',
      tier: 'read',
      extras: [],
      passThrough: null,
      isLive: false,
      browserSignIn: false,
    },
    secret,
  }
}

const OWN = { keyId: null, nextCertificate: null, nextKeyId: null } as const

/** @throws {DirectoryError} as {@link toConfig} */
export function toSecret(
  given: NewMicrosoft365Secret,
  tokenFiles: TokenFiles,
): {
  readonly certificate: string | null
  readonly federatedToken: string | null
  /** Whoever brings a key of her own has put it into the registration herself. */
  readonly keyId: null
  readonly nextCertificate: null
  readonly nextKeyId: null
  /** A certificate says itself how long it is good. */
  readonly secretExpiresAt: string | null
  readonly secret: Microsoft365Secret
} {
  const { clientSecret, certificate, privateKey, federatedToken = null } = given
  if (federatedToken !== null) return toFederated(given, federatedToken, tokenFiles)
  if (certificate !== null && privateKey !== null) {
    refuseStrangers(certificate, privateKey)
    const secretExpiresAt = clientSecret === null ? null : (given.secretExpiresAt ?? null)
    return {
      ...OWN,
      federatedToken,
      certificate,
      secretExpiresAt,
      secret: { clientSecret: null, privateKey },
    }
  }
  if (clientSecret !== null) {
    const secretExpiresAt = given.secretExpiresAt ?? null
    return {
      ...OWN,
      federatedToken,
      certificate: null,
      secretExpiresAt,
      secret: { clientSecret, privateKey: null },
    }
  }
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    'give a client secret, or a certificate with its private key, or the name of a token file',
  )
}

function toFederated(
  { clientSecret, certificate, privateKey }: NewMicrosoft365Secret,
  name: string,
  tokenFiles: TokenFiles,
) {
  if (clientSecret !== null || certificate !== null || privateKey !== null)
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      'a token file takes the place of secret and certificate: give one of the three',
    )
  const path = tokenFiles.get(name)
  if (path === undefined) {
    const known = [...tokenFiles.keys()].join(', ')
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      `this daemon’s configuration has no token file ${name} (it has ${known === '' ? 'none' : known}): add \`${name}=/path/to/token\` to federated_tokens and restart it`,
    )
  }
  const secret = { clientSecret: null, privateKey: null, tokenFile: { name, path } }
  return { ...OWN, federatedToken: name, certificate: null, secretExpiresAt: null, secret }
}
