/** Longest message before a successful bind; slapd's sockbuf_max_incoming. */
export const MAX_MESSAGE_BYTES_ANONYMOUS = 256 * 1024
/** Longest message after a successful bind; slapd's sockbuf_max_incoming_auth. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024
/** BER nesting; no LDAP message of ours comes near, a filter of full depth needs about 70. */
export const MAX_BER_DEPTH = 128
/** Nested and, or, not; deeper filters crashed other servers (CVE-2020-12243). */
export const MAX_FILTER_DEPTH = 64
/** Items and operators in one filter; Grafana joins 500 names in one. */
export const MAX_FILTER_ELEMENTS = 4_096
/**
 * Bytes of all assertion values of one request. They are prepared (RFC 4518) before they are compared:
 * 16 MiB of them took 360 ms, in which nobody else was served.
 */
export const MAX_ASSERTION_BYTES = 64 * 1024
/** Pieces of one substring filter. */
export const MAX_SUBSTRINGS = 64
/** Attribute descriptions a search may ask for; SSSD asks for 35. */
export const MAX_REQUESTED_ATTRIBUTES = 1_024
/** Controls with one message. */
export const MAX_CONTROLS = 32
/** URIs of one referral. */
export const MAX_REFERRALS = 64
/** Attributes or modifications in one entry, add or modify. */
export const MAX_ATTRIBUTES = 4_096
/** Elements of one message, values included; decoding that many takes about 10 ms. */
export const MAX_BER_ELEMENTS = 100_000
/** Bytes of one name, description or other text; values may be longer. */
export const MAX_TEXT_BYTES = 64 * 1024
/** Bytes of one DN, as text. */
export const MAX_DN_BYTES = 8_192
/** RDNs of one DN, and attribute values of one RDN. */
export const MAX_RDNS = 64
/** Bytes of one attribute description or matching rule name. */
export const MAX_DESCRIPTION_BYTES = 512
