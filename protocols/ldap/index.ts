/** LDAPv3 (RFC 4510 to 4519): messages, filters, names and schema as values, and a server. */
export { type AttributeDescription, parseAttributeDescription } from './attribute-description.ts'
export { BerReader, Tag } from './ber/reader.ts'
export { BerWriter } from './ber/writer.ts'
export type { Control } from './control.ts'
export { decodeMessage } from './decode.ts'
export type { AttributeTypeAndValue, Dn, Rdn } from './dn/dn.ts'
export { escapeDnValue, formatDn, formatRdn } from './dn/format.ts'
export { dnKey, normaliseDn, rdnKey } from './dn/normalise.ts'
export { parseDn } from './dn/parse.ts'
export { encodeEntry, encodeMessage, encodePartialAttribute } from './encode.ts'
export { LdapError, type LdapErrorCode } from './errors.ts'
export {
  type AttributeValues,
  assertionText,
  compileFilter,
  filterAttribute,
  type Predicate,
  type Truth,
} from './filter/evaluate.ts'
export type * from './filter/filter.ts'
export { escapeFilterValue, formatFilter } from './filter/format.ts'
export { parseFilter } from './filter/parse.ts'
export { MessageFramer } from './framer.ts'
export {
  type Comparable,
  comparableOf,
  formatGeneralizedTime,
  parseGeneralizedTime,
} from './matching.ts'
export type * from './message.ts'
export { Oid } from './oids.ts'
export { decodePagedResults, encodePagedResults, type PagedResults } from './paged-results.ts'
export { prepareSubstring, prepareValue } from './prepare.ts'
export { ResultCode } from './result-code.ts'
export { MATCHING_RULES, type MatchingRule } from './schema/matching-rules.ts'
export { type RenderedSchema, renderSchema } from './schema/render.ts'
export {
  type AttributeType,
  findAttributeType,
  findMatchingRule,
  findObjectClass,
  readAttributeType,
  withSuperiors,
} from './schema/schema.ts'
export type * from './server/handler.ts'
export { DEFAULT_LIMITS, type LdapServerLimits } from './server/options.ts'
export { type LdapListener, LdapServer, type LdapServerOptions } from './server/server.ts'
