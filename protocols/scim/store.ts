import type { BoundFilter } from './filter/bind.ts'
import type { JsonObject } from './json.ts'
import type { Attribute } from './schema/find-attribute.ts'
import type { ResourceTypeName } from './schema/resource-type.ts'
import type { Selection } from './selection.ts'

/** Where a resource can be read; for `meta.location` and every `$ref`. */
export type Locate = (type: ResourceTypeName, id: string) => string

export interface FindRequest {
  readonly id: string
  /** What will be sent: an attribute that isn't wanted need not be fetched. */
  readonly selection: Selection
  readonly locate: Locate
  readonly signal: AbortSignal
}

export interface ListRequest {
  /** Null selects everything. */
  readonly filter: BoundFilter | null
  readonly sort: Sort | null
  /** 1 or more. */
  readonly startIndex: number
  /** 0 or more; 0 asks for the total only. */
  readonly count: number
  readonly selection: Selection
  readonly locate: Locate
  readonly signal: AbortSignal
}

export interface Sort {
  readonly attribute: Attribute
  readonly isDescending: boolean
}

export interface Page {
  /** How many match, on all pages. */
  readonly totalResults: number
  readonly resources: readonly JsonObject[]
}

/**
 * The resources of one type, as the caller may see them.
 *
 * A resource is given whole, `schemas`, `id` and `meta` with its `version` included, save for what
 * the selection does not want; the service takes out the rest. Without a sort order the order is
 * the same on each call. Refusals are thrown as {@link ScimError}; anything else is a fault.
 */
export interface ResourceStore {
  find(request: FindRequest): Promise<JsonObject | null>
  list(request: ListRequest): Promise<Page>
}

export type ResourceStores = Readonly<Record<ResourceTypeName, ResourceStore>>
