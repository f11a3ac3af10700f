/** No federated credential of the application says what the token says: as a whole, or one part of it. */
export const FEDERATION_MISMATCHES: readonly number[] = [
  70021, 70025, 700211, 700212, 700213, 7002137, 7002138,
]

/** A policy of the tenant forbids federated credentials. */
export const FEDERATION_FORBIDDEN: readonly number[] = [700223, 700238]
