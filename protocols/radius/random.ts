import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 4096

const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
let used = POOL_BYTES

/**
 * `count` bytes of the system's generator, each given out once; 4096 or fewer.
 *
 * Every Access-Challenge takes sixteen, and one call for many costs little more than for a few.
 */
export function takeRandom(count: number): Buffer {
  if (used + count > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  const bytes = Buffer.from(pool.subarray(used, used + count))
  pool.fill(0, used, used + count)
  used += count
  return bytes
}
