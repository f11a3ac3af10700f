import { type LicenceWrite, licenceOf } from '../licence.ts'
import type { Refusal, WriteAnswer } from '../target.ts'
import {
  answerOf,
  type GraphCalls,
  type GraphError,
  type GraphReply,
  groupPath,
  userPath,
} from './graph.ts'

/** What is asked of an account for its licences. */
export const LICENCE_SELECT = 'id,usageLocation,mail,licenseAssignmentStates'

/** Licences of an account, and how it came to them (Microsoft Graph, licenseAssignmentState). */
export interface HeldLicences {
  /** Two letters of a country; without it nothing can be assigned. */
  readonly usageLocation: string | null
  readonly assignments: readonly LicenceAssignment[]
}

export interface LicenceAssignment {
  /** Lower case. */
  readonly sku: string
  /** Group it comes by; null for one of her own. */
  readonly groupId: string | null
  /** False where Microsoft 365 could not give it; `error` says why. */
  readonly isActive: boolean
  readonly error: string | null
  /** Parts that were switched off. */
  readonly disabledPlans: readonly string[]
}

/** @param body of an account, selected by {@link LICENCE_SELECT} */
export function readHeldLicences(body: Readonly<Record<string, unknown>>): HeldLicences {
  const { usageLocation, licenseAssignmentStates: states } = body
  return {
    usageLocation: textOf(usageLocation),
    assignments: Array.isArray(states) ? states.flatMap(readAssignment) : [],
  }
}

function readAssignment(value: unknown): LicenceAssignment[] {
  const { skuId, assignedByGroup, state, error, disabledPlans } = (value ?? {}) as Readonly<
    Record<string, unknown>
  >
  if (typeof skuId !== 'string') return []
  return [
    {
      sku: skuId.toLowerCase(),
      groupId: textOf(assignedByGroup),
      isActive: typeof state !== 'string' || state.startsWith('Active'),
      error: error === 'None' ? null : textOf(error),
      disabledPlans: Array.isArray(disabledPlans) ? disabledPlans.map(String) : [],
    },
  ]
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** Whether she has it, by whichever way. */
export function hasLicence({ assignments }: HeldLicences, sku: string): boolean {
  return assignments.some((one) => one.sku === sku && one.isActive)
}

/**
 * Assigns one licence, or removes it, and touches no other. The account is read first: what it has
 * is not assigned again, so that parts of it which were switched off stay so, and what only a group gives
 * is not hers to lose.
 */
export async function writeLicence(
  graph: GraphCalls,
  externalId: string,
  write: LicenceWrite,
  signal: AbortSignal,
): Promise<WriteAnswer> {
  const path = userPath(externalId)
  const sku = licenceOf(write.attribute) ?? ''
  const read = await graph.get(`${path}?$select=${LICENCE_SELECT}`, signal)
  if (read.kind !== 'ok') return answerTo(read)
  const held = readHeldLicences(read.body)
  const ways = held.assignments.filter((one) => one.sku === sku)
  const groups = ways.flatMap(({ groupId }) => groupId ?? [])
  if (write.value) {
    if (hasLicence(held, sku)) return { kind: 'written' }
    if (held.usageLocation === null) return { kind: 'refused', ...NO_LOCATION }
    const body = { addLicenses: [{ skuId: sku, disabledPlans: [] }], removeLicenses: [] }
    return answerTo(await graph.post(`${path}/assignLicense`, body, signal))
  }
  if (ways.length > groups.length) {
    const body = { addLicenses: [], removeLicenses: [sku] }
    const answer = answerTo(await graph.post(`${path}/assignLicense`, body, signal))
    if (answer.kind !== 'written') return answer
  }
  return groups.length === 0 ? { kind: 'written' } : await inherited(graph, groups, signal)
}

const NO_LOCATION = {
  refusal: 'policy',
  message:
    'no usage location: Microsoft 365 assigns licences only where it knows the country: set the usage ' +
    'location of the account in the Microsoft 365 or Entra admin center, then gatehouse source retry',
} as const

async function inherited(
  graph: GraphCalls,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<WriteAnswer> {
  const names = await Promise.all(ids.map((id) => readGroupName(graph, id, signal)))
  const message =
    `she has it by the group ${names.join(', ')}: take her out of the group, or the licence from ` +
    'the group in Microsoft 365'
  return { kind: 'refused', refusal: 'policy', message }
}

/** Its id, where it cannot be read: the answer it belongs to is not lost for that. */
export async function readGroupName(
  graph: Pick<GraphCalls, 'get'>,
  id: string,
  signal: AbortSignal,
): Promise<string> {
  const reply = await graph.get(`${groupPath(id)}?$select=displayName`, signal).catch(() => null)
  return reply?.kind === 'ok' ? (textOf(reply.body['displayName']) ?? id) : id
}

/** What Graph says of a licence it does not take, by its words, and what an admin does then. */
const MENDS: readonly (readonly [RegExp, string])[] = [
  [/usage location/i, NO_LOCATION.message],
  [
    /does not have any available licenses/i,
    'none is free: take one from somebody, or buy more (gatehouse source licences shows them), then ' +
      'gatehouse source retry',
  ],
  [
    /mutually exclusive/i,
    'it excludes a licence she has, as parts of both are the same service: remove that one first, ' +
      'then gatehouse source retry',
  ],
  [
    /depend/i,
    'it needs, or is needed by, another licence: assign that one first, or remove what needs this one',
  ],
  [
    /does not correspond to a valid company/i,
    'the tenant has no such subscription any more: gatehouse source licences shows what it has',
  ],
  [/inherited from a group/i, 'she has it by a group: take her out of the group in Microsoft 365'],
]

function answerTo(reply: GraphReply): WriteAnswer {
  const answer = answerOf(reply)
  return answer.kind === 'error' ? { kind: 'refused', ...refusalOf(answer) } : answer
}

function refusalOf({ status, code, message }: GraphError): {
  readonly refusal: Refusal
  readonly message: string
} {
  if (status === 404) return { refusal: 'gone', message: 'the tenant has no such account' }
  if (status === 403) {
    const mend =
      'grant the application User.ReadWrite.All with admin consent; for people with an Entra role ' +
      'their licences are changed in the tenant'
    return { refusal: 'not-allowed', message: `Graph refuses (${code}): ${mend}` }
  }
  const mend = MENDS.find(([words]) => words.test(message))?.[1]
  return { refusal: 'policy', message: mend ?? `Graph refuses (${code}): ${message}` }
}
