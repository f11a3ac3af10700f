/**
 * The base of each protocol's own error.
 *
 * A decoder refuses hostile bytes by the thousand, and capturing a stack costs more than decoding
 * does, so a refusal carries none: `code` says which rule was broken, `message` where.
 */
export class WireError<Code extends string = string> extends Error {
  override readonly name: string = 'WireError'
  readonly code: Code

  constructor(code: Code, message: string) {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = limit
    this.code = code
  }
}
