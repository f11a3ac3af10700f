import {
  type FindRequest,
  type JsonObject,
  type ListRequest,
  matches,
  type Page,
  type ResourceStore,
} from '../../protocols/scim/index.ts'

/** Resources in an array, in their order; it remembers the last question. */
export class MemoryResourceStore implements ResourceStore {
  readonly #resources: readonly JsonObject[]
  lastList: ListRequest | null = null

  constructor(resources: readonly JsonObject[]) {
    this.#resources = resources
  }

  async find(request: FindRequest): Promise<JsonObject | null> {
    return this.#resources.find((resource) => resource['id'] === request.id) ?? null
  }

  async list(request: ListRequest): Promise<Page> {
    this.lastList = request
    const { filter, startIndex, count } = request
    const found = this.#resources.filter((resource) => filter === null || matches(filter, resource))
    return {
      totalResults: found.length,
      resources: found.slice(startIndex - 1, startIndex - 1 + count),
    }
  }
}
