import { SourceError } from '../source.ts'
import { makeClientAssertion } from './client-assertion.ts'
import type { Microsoft365Config, Microsoft365Secret } from './settings.ts'
import { readTokenFile } from './token-file.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** An answer with its tokens is some 5 KiB, the keys of a tenant some 15 KiB. */
export const MAX_ANSWER_BYTES = 64 * 1024
export const FORM_HEADERS = {
  'content-type': 'application/x-www-form-urlencoded;charset=utf-8',
  accept: 'application/json',
} as const

/** Below it are the tenant's own endpoints: no other tenant's people sign in there. */
export function authorityOf({ loginUrl, tenantId }: Microsoft365Config): string {
  return `${new URL(loginUrl).origin}/${tenantId}`
}

export function tokenEndpointOf(config: Microsoft365Config): string {
  return `${authorityOf(config)}/oauth2/v2.0/token`
}

/**
 * With what the application proves itself at the token endpoint, made for one request; in words, why
 * it cannot, where it is to be a token from a file and there is none that is good.
 */
export async function clientProof(parts: {
  readonly config: Microsoft365Config
  readonly secret: Microsoft365Secret
  readonly nowMs: number
}): Promise<Readonly<Record<string, string>> | string> {
  const { config, secret, nowMs } = parts
  const { clientId, certificate } = config
  const { privateKey, clientSecret, tokenFile = null } = secret
  if (tokenFile !== null) {
    try {
      const { token } = await readTokenFile(tokenFile, nowMs)
      return { client_assertion_type: ASSERTION_TYPE, client_assertion: token }
    } catch (error) {
      if (error instanceof SourceError) return error.message
      throw error
    }
  }
  if (certificate === null || privateKey === null) return { client_secret: clientSecret ?? '' }
  const tokenEndpoint = tokenEndpointOf(config)
  return {
    client_assertion_type: ASSERTION_TYPE,
    client_assertion: makeClientAssertion({
      clientId,
      certificate,
      privateKey,
      tokenEndpoint,
      nowMs,
    }),
  }
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Entra's number of a refusal; from the list, or from the text where a proxy has dropped it. */
export function readCode(body: Readonly<Record<string, unknown>>): number | null {
  const [first] = Array.isArray(body['error_codes']) ? (body['error_codes'] as unknown[]) : []
  return typeof first === 'number' ? first : codeIn(String(body['error_description'] ?? ''))
}

export function codeIn(text: string): number | null {
  const named = /AADSTS(\d{4,9})/.exec(text)?.[1]
  return named === undefined ? null : Number(named)
}
