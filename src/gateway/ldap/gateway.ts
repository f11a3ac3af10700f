import {
  type LdapHandler,
  type LdapPeer,
  type LdapSession,
  Oid,
  type Request,
} from '../../../protocols/ldap/index.ts'
import { type LdapGatewayParts, Serving } from './serving.ts'
import { GatewaySession } from './session.ts'

export type { LdapGatewayParts } from './serving.ts'

const ALL_REQUESTS: readonly Request['kind'][] = [
  'bindRequest',
  'searchRequest',
  'compareRequest',
  'modifyRequest',
  'addRequest',
  'delRequest',
  'modifyDnRequest',
  'extendedRequest',
]

/** LDAP, spoken for our directory. Names and result codes stop here; the core knows neither. */
export class LdapGateway implements LdapHandler {
  /** ppolicy's request is understood and answered with nothing; there are no referrals to manage. */
  readonly supportedControls: ReadonlyMap<string, readonly Request['kind'][]> = new Map([
    [Oid.pagedResults, ['searchRequest']],
    [Oid.passwordPolicy, ALL_REQUESTS],
    [Oid.manageDsaIt, ALL_REQUESTS],
  ])
  readonly #serving: Serving

  constructor(parts: LdapGatewayParts) {
    this.#serving = new Serving(parts)
  }

  open(peer: LdapPeer): LdapSession {
    return new GatewaySession(this.#serving, peer)
  }
}
