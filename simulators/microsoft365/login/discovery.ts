import { type Answer, reply } from '../http/exchange.ts'
import type { SigningKeys } from './jwt.ts'
import type { Realm } from './realm.ts'

/** GET below `/{tenant}`: what a client reads before it asks for a token; null for another path. */
export function answerDiscovery(
  tenant: string,
  rest: string,
  parts: { readonly realm: Realm; readonly key: SigningKeys },
): Answer | null {
  const { realm, key } = parts
  if (rest === 'discovery/instance') return instances(realm)
  if (rest === '.well-known/openid-configuration') return configuration(tenant, '', realm)
  if (rest === 'v2.0/.well-known/openid-configuration') return configuration(tenant, '/v2.0', realm)
  if (rest === 'discovery/v2.0/keys' || rest === 'discovery/keys')
    return reply({ keys: key.jwks(realm.issuer) })
  return null
}

function instances(realm: Realm): Answer {
  const host = new URL(realm.loginUrl).host
  return reply({
    tenant_discovery_endpoint: `${realm.issuer}/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  })
}

function configuration(tenant: string, version: '' | '/v2.0', realm: Realm): Answer {
  // For no tenant in particular, the issuer is a pattern, as with Microsoft.
  const isShared = realm.isShared(tenant)
  if (!isShared) realm.checkTenant(tenant)
  const base = `${realm.loginUrl}/${isShared ? tenant : realm.tenantId}`
  const issuer = isShared ? `${realm.loginUrl}/{tenantid}/v2.0` : realm.issuer
  return reply({
    token_endpoint: `${base}/oauth2${version}/token`,
    token_endpoint_auth_methods_supported: [
      'client_secret_post',
      'private_key_jwt',
      'client_secret_basic',
    ],
    jwks_uri: `${base}/discovery/v2.0/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer,
    authorization_endpoint: `${base}/oauth2${version}/authorize`,
    end_session_endpoint: `${base}/oauth2${version}/logout`,
    device_authorization_endpoint: `${base}/oauth2${version}/devicecode`,
    claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'nonce', 'tid', 'ver'],
    tenant_region_scope: 'NA',
    cloud_instance_name: new URL(realm.loginUrl).host,
    msgraph_host: new URL(realm.graphUrl).host,
  })
}
