/** How delta rounds and lists come out. The defaults are Graph on a good day. */
export interface Shaping {
  /** Objects on a delta page. */
  readonly deltaPageSize: number
  /** Members on a page of groups/delta; a group with more is split. */
  readonly deltaPageMembers: number
  /** Largest slice of one group's members; smaller ones are drawn at random. 0: as big as fits. */
  readonly memberSlice: number
  /** Number of replicas a read may land on, and how late each may be, on the tenant's clock. */
  readonly replicas: number
  readonly lagMs: number
  /** Objects without a change that every later round repeats. */
  readonly replays: number
  /** Probability that an object comes twice in one round. */
  readonly duplicates: number
  readonly isShuffled: boolean
  /** Probability of an empty page with a nextLink before each page. */
  readonly emptyPages: number
  /** Probability that a deleted object, or a former member, is reported in an initial round. */
  readonly initialRemoved: number
  /** Age at which the page token of a plain list dies. */
  readonly pageTokenLifeMs: number
}

export const GOOD_DAY: Shaping = {
  deltaPageSize: 200,
  deltaPageMembers: 2_000,
  memberSlice: 0,
  replicas: 1,
  lagMs: 0,
  replays: 0,
  duplicates: 0,
  isShuffled: false,
  emptyPages: 0,
  initialRemoved: 0,
  pageTokenLifeMs: 10 * 60_000,
}
