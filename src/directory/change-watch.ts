import type { AnyChange, EntityChange, FollowedKind, Position } from './change.ts'
import type { Directory, Follower } from './directory.ts'

/** What has changed, as far as it decides who may do what. */
export interface Touched {
  readonly people: readonly string[]
  readonly credentials: readonly string[]
  /** A rule, or so much that nobody counts it. */
  readonly isAll: boolean
}

/**
 * Tells of changes once the followers it looks at have them. It holds nothing itself: what they hold
 * is what it has seen, so it must follow behind them.
 */
export class ChangeWatch implements Follower {
  readonly name = 'change watch'
  readonly kinds = [
    'person',
    'group',
    'network',
    'nas',
    'device',
    'guest',
    'membership',
    'credential',
    'client-certificate',
    'client-authority',
  ] as const
  readonly #directory: Follower & Pick<Directory, 'entry' | 'guestByName' | 'guestIdsBySponsor'>
  readonly #credentials: Follower
  readonly #certificates: Follower
  readonly #listeners: ((touched: Touched) => void)[] = []

  constructor(parts: {
    readonly directory: Follower & Pick<Directory, 'entry' | 'guestByName' | 'guestIdsBySponsor'>
    readonly credentials: Follower
    readonly certificates: Follower
  }) {
    this.#directory = parts.directory
    this.#credentials = parts.credentials
    this.#certificates = parts.certificates
  }

  onTouched(listener: (touched: Touched) => void): void {
    this.#listeners.push(listener)
  }

  get position(): Position | null {
    return this.#directory.position
  }

  versions(kind: FollowedKind): ReadonlyMap<string, number> {
    if (kind === 'client-certificate' || kind === 'client-authority')
      return this.#certificates.versions(kind)
    return (kind === 'credential' ? this.#credentials : this.#directory).versions(kind)
  }

  apply(changes: readonly AnyChange[]): void {
    // Sessions name a device or a guest as they name a person.
    const people: string[] = []
    const credentials: string[] = []
    let isAll = false
    for (const change of changes) {
      if (isOfSomebody(change)) people.push(change.id, ...this.#namesakes(change))
      else if (change.kind === 'credential' || change.kind === 'client-certificate')
        credentials.push(change.id)
      else if (change.kind === 'membership') {
        const member = this.#directory.entry(change.memberNo)?.value
        if (member?.kind === 'person') people.push(member.id)
        else isAll = true
      } else isAll = true
    }
    this.#tell({ people: this.#withTheirGuests(people), credentials, isAll })
  }

  deny(principalIds: readonly string[]): void {
    this.#tell({ people: this.#withTheirGuests(principalIds), credentials: [], isAll: false })
  }

  reached(): void {
    // What it tells it has told by then.
  }

  /** A guest whose name she has now is let in no more. */
  #namesakes({ value }: EntityChange): readonly string[] {
    if (value?.kind !== 'person') return []
    return value.loginNames.flatMap(({ folded }) => this.#directory.guestByName(folded)?.id ?? [])
  }

  /** What becomes of a sponsor decides about her guests. */
  #withTheirGuests(ids: readonly string[]): readonly string[] {
    return ids.flatMap((id) => [id, ...this.#directory.guestIdsBySponsor(id)])
  }

  #tell(touched: Touched): void {
    if (this.#listeners.length === 0) return
    for (const listener of this.#listeners) listener(touched)
  }
}

function isOfSomebody(change: AnyChange): change is EntityChange {
  return change.kind === 'person' || change.kind === 'device' || change.kind === 'guest'
}
