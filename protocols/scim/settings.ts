/** What one service decides for itself. */
export interface ServiceSettings {
  /** Resources on a page when the request names no number. */
  readonly defaultPageSize: number
  /** The most resources on a page; a larger `count` is cut down to it. */
  readonly maxPageSize: number
  /** See `FilterOptions.isLenient`: Microsoft's clients against the RFC's letter. */
  readonly isLenient: boolean
  readonly documentationUri: string | null
}

/** Okta asks for 100 at a time. */
export const defaultSettings: ServiceSettings = {
  defaultPageSize: 100,
  maxPageSize: 1_000,
  isLenient: false,
  documentationUri: null,
}
