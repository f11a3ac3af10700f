import { WireError } from '../wire/index.ts'

/**
 * Why bytes or text were refused.
 *
 * `LDAP_MALFORMED` means the structure itself can't be trusted, so that the session must end
 * (RFC 4511 §4.1.1). `LDAP_PROTOCOL` and `LDAP_LIMIT` concern one operation whose borders are known:
 * it is answered with protocolError or adminLimitExceeded, and the session goes on.
 * `LDAP_TOO_LARGE` is a message longer than the session may send. The others come from text.
 */
export type LdapErrorCode =
  | 'LDAP_MALFORMED'
  | 'LDAP_TOO_LARGE'
  | 'LDAP_PROTOCOL'
  | 'LDAP_LIMIT'
  | 'LDAP_BAD_DN'
  | 'LDAP_BAD_FILTER'
  | 'LDAP_BAD_ATTRIBUTE'

/** The one thing this library's decoders and parsers throw. Its message holds no input bytes. */
export class LdapError extends WireError<LdapErrorCode> {
  override readonly name = 'LdapError'
}
