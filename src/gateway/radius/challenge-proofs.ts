import {
  type ChapResponse,
  checkChap,
  checkMsChap2,
  type MsChap2Response,
  type MsChapResult,
} from '../../../protocols/radius/index.ts'
import type { ChallengeProof } from '../../credentials/authenticate.ts'

/** MS-CHAPv2: a right response is owed proof of our own, and gives keys. */
export class MsChap2Proof implements ChallengeProof<MsChapResult> {
  readonly needs = 'nt-hash'
  readonly #response: MsChap2Response

  constructor(response: MsChap2Response) {
    this.#response = response
  }

  check(ntHash: Buffer): MsChapResult | null {
    return checkMsChap2(ntHash, this.#response)
  }
}

/** CHAP, which gives nothing back. */
export class ChapProof implements ChallengeProof<true> {
  readonly needs = 'password'
  readonly #response: ChapResponse

  constructor(response: ChapResponse) {
    this.#response = response
  }

  check(password: Buffer): true | null {
    return checkChap(password, this.#response) ? true : null
  }
}
