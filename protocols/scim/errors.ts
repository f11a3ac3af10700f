import { WireError } from '../wire/index.ts'

/** RFC 7644 §3.12, table 9: what went wrong, in one word for programs. */
export type ScimType =
  | 'invalidFilter'
  | 'tooMany'
  | 'uniqueness'
  | 'mutability'
  | 'invalidSyntax'
  | 'invalidPath'
  | 'noTarget'
  | 'invalidValue'
  | 'invalidVers'
  | 'sensitive'

interface ErrorAnswer {
  readonly status: number
  readonly scimType: ScimType | null
}

const answers = {
  SCIM_INVALID_FILTER: { status: 400, scimType: 'invalidFilter' },
  SCIM_INVALID_PATH: { status: 400, scimType: 'invalidPath' },
  SCIM_INVALID_SYNTAX: { status: 400, scimType: 'invalidSyntax' },
  SCIM_INVALID_VALUE: { status: 400, scimType: 'invalidValue' },
  SCIM_NO_TARGET: { status: 400, scimType: 'noTarget' },
  SCIM_MUTABILITY: { status: 400, scimType: 'mutability' },
  SCIM_TOO_MANY: { status: 400, scimType: 'tooMany' },
  SCIM_UNAUTHENTICATED: { status: 401, scimType: null },
  SCIM_FORBIDDEN: { status: 403, scimType: null },
  SCIM_NOT_FOUND: { status: 404, scimType: null },
  SCIM_METHOD_NOT_ALLOWED: { status: 405, scimType: null },
  SCIM_UNIQUENESS: { status: 409, scimType: 'uniqueness' },
  SCIM_VERSION_MISMATCH: { status: 412, scimType: null },
  SCIM_TOO_LARGE: { status: 413, scimType: null },
  SCIM_MEDIA_TYPE: { status: 415, scimType: null },
  SCIM_TOO_FAST: { status: 429, scimType: null },
  SCIM_FAULT: { status: 500, scimType: null },
  SCIM_NOT_IMPLEMENTED: { status: 501, scimType: null },
  SCIM_UNAVAILABLE: { status: 503, scimType: null },
} as const satisfies Record<string, ErrorAnswer>

/** Stable; added to, never renamed. */
export type ScimErrorCode = keyof typeof answers

/**
 * A request that is answered with an error message (RFC 7644 §3.12).
 *
 * `message` is sent to the client as `detail`: it may repeat what the client sent, and nothing else.
 */
export class ScimError extends WireError<ScimErrorCode> {
  override readonly name = 'ScimError'
  readonly status: number
  readonly scimType: ScimType | null

  constructor(code: ScimErrorCode, message: string) {
    super(code, message)
    const answer: ErrorAnswer = answers[code]
    this.status = answer.status
    this.scimType = answer.scimType
  }
}
