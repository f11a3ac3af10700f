import { syncStateNotFound } from './graph-error.ts'
import type { TokenSealer } from './sealed-token.ts'

export type DeltaKind = 'user' | 'group'

/** Directory objects' delta tokens live for 7 days. */
export const DELTA_LIFE_MS = 7 * 86_400_000

/** One delta round, from its first page to its deltaLink. */
export interface Round {
  readonly kind: DeltaKind
  /** Changes after this one are told; null for an initial round. */
  readonly since: number | null
  readonly until: number
  /** When and on which replica the round reads, fixed with its first page. */
  readonly readAtMs: number
  readonly replica: number
  readonly lagMs: number
  readonly salt: number
  /** `$select`; null when the request had none. */
  readonly select: readonly string[] | null
  readonly filterIds: readonly string[] | null
  readonly isMinimal: boolean
}

interface SkipToken {
  readonly use: 'skip'
  readonly generation: string
  readonly issuedAtMs: number
  readonly round: Round
  readonly page: number
}

export interface DeltaToken {
  readonly use: 'delta'
  readonly generation: string
  readonly issuedAtMs: number
  readonly kind: DeltaKind
  readonly since: number
  readonly select: readonly string[] | null
  readonly filterIds: readonly string[] | null
}

/** Makes and reads the tokens of nextLink and deltaLink. */
export class DeltaTokens {
  readonly #sealer: TokenSealer
  readonly #generation: string
  readonly #nowMs: () => number

  /** @param parts.generation which tenant the tokens belong to; those of another are unknown */
  constructor(parts: { sealer: TokenSealer; generation: string; nowMs: () => number }) {
    this.#sealer = parts.sealer
    this.#generation = parts.generation
    this.#nowMs = parts.nowMs
  }

  sealPage(round: Round, page: number): string {
    return this.#seal({ use: 'skip', round, page })
  }

  sealDelta(round: Round, since: number): string {
    const { kind, select, filterIds } = round
    return this.#seal({ use: 'delta', kind, since, select, filterIds })
  }

  /** @throws {GraphError} `syncStateNotFound` for a foreign or expired token */
  openPage(kind: DeltaKind, token: string): { round: Round; page: number } {
    const content = this.#open(token) as SkipToken
    if (content.use !== 'skip' || content.round.kind !== kind) throw syncStateNotFound()
    return { round: content.round, page: content.page }
  }

  /** @throws {GraphError} `syncStateNotFound` for a foreign or expired token */
  openDelta(kind: DeltaKind, token: string): DeltaToken {
    const content = this.#open(token) as DeltaToken
    if (content.use !== 'delta' || content.kind !== kind) throw syncStateNotFound()
    return content
  }

  #seal(content: object): string {
    const issuedAtMs = this.#nowMs()
    return this.#sealer.seal({ generation: this.#generation, issuedAtMs, ...content })
  }

  #open(token: string): unknown {
    const content = this.#sealer.open(token) as SkipToken | DeltaToken | null
    const isKnown = content !== null && content.generation === this.#generation
    if (!isKnown || this.#nowMs() - content.issuedAtMs >= DELTA_LIFE_MS) throw syncStateNotFound()
    return content
  }
}
