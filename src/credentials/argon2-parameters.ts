/** Cost of an argon2 verifier: memory in KiB, passes, lanes. */
export interface Argon2Parameters {
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
}

/** ARCHITECTURE §3, the OWASP minimum for argon2id: 19 MiB, two passes, one lane. */
export const wantedParameters: Argon2Parameters = { memoryKib: 19_456, passes: 2, lanes: 1 }

/** Beyond these a verifier, an imported one for instance, would be a weapon against ourselves. */
const MAX_MEMORY_KIB = 256 * 1_024
const MAX_PASSES = 16
const MAX_LANES = 16

const phc =
  /^\$argon2(?<type>id|i|d)\$v=(?<version>\d{1,3})\$m=(?<m>\d{1,8}),t=(?<t>\d{1,4}),p=(?<p>\d{1,3})\$/

/** Null when `verifier` is not an argon2 PHC string, or costs more than we would ever pay. */
export function parseParameters(
  verifier: string,
): (Argon2Parameters & { readonly isArgon2id: boolean }) | null {
  const found = phc.exec(verifier)?.groups
  if (found === undefined) return null
  const memoryKib = Number(found['m'])
  const passes = Number(found['t'])
  const lanes = Number(found['p'])
  const isAffordable = memoryKib <= MAX_MEMORY_KIB && passes <= MAX_PASSES && lanes <= MAX_LANES
  if (!isAffordable || memoryKib < 8 * lanes || passes < 1 || lanes < 1) return null
  const isArgon2id = found['type'] === 'id' && found['version'] === '19'
  return { memoryKib, passes, lanes, isArgon2id }
}

/**
 * Whether `verifier` is cheaper to guess than `wanted`. More memory with fewer passes is not weaker
 * as long as their product is no less, so a stronger choice of another kind stays as it is.
 */
export function isWeakerThan(verifier: string, wanted: Argon2Parameters): boolean {
  const has = parseParameters(verifier)
  if (has === null || !has.isArgon2id) return true
  const work = has.memoryKib * has.passes
  return has.memoryKib < wanted.memoryKib || work < wanted.memoryKib * wanted.passes
}
