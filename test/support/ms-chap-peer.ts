import {
  checkMsChap2,
  type MsChap2Response,
  type MsChapResult,
  makeNtResponse,
  withoutDomain,
} from '../../protocols/radius/index.ts'
import { ntHash } from '../../src/credentials/nt-hash.ts'

/** The client's side of MS-CHAPv2: what it answers to a challenge, and what it is then owed. */
export function answerMsChap2(
  authenticatorChallenge: Buffer,
  who: { readonly name: string; readonly password: string },
): { readonly response: MsChap2Response; readonly owed: MsChapResult } {
  const hash = ntHash(Buffer.from(who.password))
  const challenge = {
    authenticatorChallenge,
    peerChallenge: Buffer.from('0123456789abcdef'),
    userName: withoutDomain(Buffer.from(who.name)),
  }
  const response = { ...challenge, ntResponse: makeNtResponse(hash, challenge) }
  const owed = checkMsChap2(hash, response)
  if (owed === null) throw new Error('own response is right')
  return { response, owed }
}

/** MS-CHAP2-Response (RFC 2548 §2.3.2). */
export function encodeMsChap2({ peerChallenge, ntResponse }: MsChap2Response, ident = 0): Buffer {
  return Buffer.concat([Buffer.from([ident, 0]), peerChallenge, Buffer.alloc(8), ntResponse])
}
