import { encodeMessage } from '../encode.ts'
import { OperationTag, type Request, type Response } from '../message.ts'
import { Oid } from '../oids.ts'
import type { ExtendedOutcome, Outcome } from './handler.ts'
import type { Output } from './output.ts'

type ResponseKind = Exclude<
  Response['kind'],
  'searchResultEntry' | 'searchResultReference' | 'intermediateResponse'
>

const RESPONSES: Readonly<Record<Request['kind'], ResponseKind | null>> = {
  bindRequest: 'bindResponse',
  unbindRequest: null,
  searchRequest: 'searchResultDone',
  modifyRequest: 'modifyResponse',
  addRequest: 'addResponse',
  delRequest: 'delResponse',
  modifyDnRequest: 'modifyDnResponse',
  compareRequest: 'compareResponse',
  abandonRequest: null,
  extendedRequest: 'extendedResponse',
}

const KIND_OF_TAG: ReadonlyMap<number, Request['kind']> = new Map(
  (Object.keys(RESPONSES) as Request['kind'][]).map((kind) => [OperationTag[kind], kind]),
)

const MAX_ONE_BYTE_CODE = 0x7f

/** The request an operation's tag byte stands for; null when it is no request's. */
export function requestKindOf(operationTag: number): Request['kind'] | null {
  return KIND_OF_TAG.get(operationTag) ?? null
}

/** A result with nothing but a code and a text for people. */
export function result(code: number, diagnostic = ''): Outcome {
  return { code, matchedDn: '', diagnostic, referral: [] }
}

/** Writes the final answer of a request; requests without one (RFC 4511 §4.3, §4.11) get none. */
export function writeAnswer(
  output: Output,
  request: { readonly messageId: number; readonly kind: Request['kind'] },
  outcome: ExtendedOutcome,
): void {
  const kind = RESPONSES[request.kind]
  if (kind === null) return
  if (isPlain(outcome)) {
    output.plainResult(request.messageId, OperationTag[kind], outcome.code)
    return
  }
  const {
    code,
    matchedDn,
    diagnostic,
    referral,
    controls = [],
    name = null,
    value = null,
  } = outcome
  const texts = { code, matchedDn, diagnostic, referral }
  output.append(
    encodeMessage({
      messageId: request.messageId,
      controls,
      operation: responseOf(kind, { ...texts, name, value }),
    }),
  )
}

function responseOf(
  kind: ResponseKind,
  parts: Omit<Extract<Response, { kind: 'extendedResponse' }>, 'kind'>,
): Response {
  const { name, value, ...texts } = parts
  if (kind === 'extendedResponse') return { kind, ...texts, name, value }
  if (kind === 'bindResponse') return { kind, ...texts, serverSaslCredentials: null }
  return { kind, ...texts }
}

function isPlain(outcome: ExtendedOutcome): boolean {
  return (
    outcome.matchedDn === '' &&
    outcome.diagnostic === '' &&
    outcome.referral.length === 0 &&
    outcome.code <= MAX_ONE_BYTE_CODE &&
    (outcome.controls === undefined || outcome.controls.length === 0) &&
    (outcome.name ?? null) === null &&
    (outcome.value ?? null) === null
  )
}

/** RFC 4511 §4.4.1, the last thing a client hears. */
export function noticeOfDisconnection(code: number, diagnostic: string): Buffer {
  return encodeMessage({
    messageId: 0,
    controls: [],
    operation: {
      kind: 'extendedResponse',
      ...{ code, matchedDn: '', diagnostic, referral: [] },
      name: Oid.noticeOfDisconnection,
      value: null,
    },
  })
}
