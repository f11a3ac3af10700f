/**
 * SCIM 2.0, the service provider's side: schemas (RFC 7643), filters, paths, selection, discovery,
 * errors and lists (RFC 7644). It knows no HTTP server and no database: a request value goes in, an
 * answer comes out, and resources come from a {@link ResourceStore}.
 */
export { type AttributePath, formatAttributePath, parseAttributePath } from './attribute-path.ts'
export { formatEntityTag } from './entity-tag.ts'
export { ScimError, type ScimErrorCode, type ScimType } from './errors.ts'
export type { BoundOp, CompareOp, Filter, FilterValue, ValuePathRest } from './filter/ast.ts'
export { type BindOptions, type BoundFilter, bindFilter } from './filter/bind.ts'
export { comparesWith, type Folding, matches } from './filter/evaluate.ts'
export { formatFilter } from './filter/format.ts'
export {
  type FilterOptions,
  MAX_FILTER_DEPTH,
  MAX_FILTER_LENGTH,
  MAX_FILTER_NODES,
  parseFilter,
} from './filter/parse.ts'
export { isAssigned, type Json, type JsonObject } from './json.ts'
export { makeErrorResponse, type ScimRequest, type ScimResponse } from './message.ts'
export { type PatchPath, parsePatchPath } from './patch-path.ts'
export { type PatchOperation, parsePatchRequest } from './patch-request.ts'
export type { AttributeDefinition, AttributeType, Schema } from './schema/attribute.ts'
export type { Attribute } from './schema/find-attribute.ts'
export {
  groupType,
  type ResourceType,
  type ResourceTypeName,
  userType,
} from './schema/resource-type.ts'
export { Selection, type SelectionRequest } from './selection.ts'
export { ScimService } from './service.ts'
export { defaultSettings, type ServiceSettings } from './settings.ts'
export type {
  FindRequest,
  ListRequest,
  Locate,
  Page,
  ResourceStore,
  ResourceStores,
  Sort,
} from './store.ts'
export * from './urns.ts'
