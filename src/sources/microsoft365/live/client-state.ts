import { createHmac, timingSafeEqual } from 'node:crypto'

const LABEL = 'notifications of a source'

/**
 * What proves that a notification comes from whom we have subscribed with: an HMAC over the
 * subscription's place, of a key that only this installation has. Derived whenever it is needed, so
 * that nothing of it is kept, and any daemon can tell without asking the database.
 *
 * @returns 43 characters; Microsoft takes 128
 */
export class ClientStates {
  readonly #keys: readonly Buffer[]

  /** @param keys the current one first; those before it still prove what was created with them */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys
  }

  make(sourceId: string, id: string): string {
    const [current] = this.#keys
    if (current === undefined) throw new Error('there is no key')
    return derive(current, sourceId, id)
  }

  /** For one address; each call takes constant time over what is claimed. */
  verifier(sourceId: string, id: string): (claimed: unknown) => boolean {
    const good = this.#keys.map((key) => Buffer.from(derive(key, sourceId, id)))
    return (claimed) => {
      if (typeof claimed !== 'string') return false
      const bytes = Buffer.from(claimed)
      let isGood = false
      for (const each of good)
        if (bytes.length === each.length && timingSafeEqual(bytes, each)) isGood = true
      return isGood
    }
  }
}

function derive(key: Buffer, sourceId: string, id: string): string {
  return createHmac('sha256', key).update(`${LABEL}\0${sourceId}\0${id}`).digest('base64url')
}
