import { hash } from 'node:crypto'
import {
  type Attribute,
  AttributeType,
  findNamedAttribute,
  findNumberedAttribute,
  makeInteger,
  makeVlanAttributes,
  parseAttribute,
  RadiusError,
  replyAttributes,
  Vendor,
} from '../../../protocols/radius/index.ts'
import type { Grant, SessionLimits } from '../../access/decide.ts'
import type { CredentialId, PrincipalId } from '../../directory/id.ts'
import type { Nas, Network, ReplyAttribute } from '../../directory/network.ts'
import { Recent } from './recent.ts'
import type { SessionClasses } from './session-class.ts'

/** An attribute that can be used, as admins are told of it. */
export interface ListedAttribute {
  readonly name: string
  /** Null for the RFCs' own. */
  readonly vendor: string | null
  readonly value: string
  /** Names of its values; empty when it has none. */
  readonly names: readonly string[]
}

/** RFC 2865 §5.29: when the session's time is up, the NAS asks again instead of hanging up. */
const ASK_AGAIN = 1

/** What would stand in a reply twice, or let a session go on beyond a network's hours. */
const ownSettings: ReadonlyMap<string, string> = new Map([
  ['Session-Timeout', 'sessionTimeoutSeconds'],
  ['Termination-Action', 'sessionTimeoutSeconds, which brings it along'],
  ['Idle-Timeout', 'idleTimeoutSeconds'],
  ['Acct-Interim-Interval', 'interimSeconds'],
])

/** Each is written down once, and sent many times. */
const encoded = new WeakMap<ReplyAttribute, Attribute>()
/** By who lets in, and onto which VLAN: there are as many as an admin has written down. */
const digests = new Recent<string>(1_024)

/**
 * Where the network says nothing and the NAS ends no session for us: how long somebody who was shut
 * out may stay.
 */
const FALL_BACK_SECONDS = 3_600
const GRANTED_BYTES = 4

/** What the NAS is told of somebody who may come in. */
export function makeReplyAttributes({ attributes, vlan, session }: Grant): Attribute[] {
  const made = attributes.map(encode)
  if (vlan !== null) made.push(...makeVlanAttributes(vlan))
  if (session !== undefined) pushLimits(made, session)
  return made
}

function pushLimits(
  made: Attribute[],
  { timeoutSeconds, idleTimeoutSeconds, interimSeconds }: SessionLimits,
): void {
  if (timeoutSeconds !== null) made.push(...makeTimeout(timeoutSeconds))
  if (idleTimeoutSeconds !== null)
    made.push(makeInteger(AttributeType.idleTimeout, idleTimeoutSeconds))
  if (interimSeconds !== null)
    made.push(makeInteger(AttributeType.acctInterimInterval, interimSeconds))
}

export interface Admitted {
  /** A person, a guest, or a device of the list. */
  readonly who: { readonly value: { readonly id: PrincipalId } }
  readonly grant: Grant
  readonly network: Network
  readonly nas: Nas
  /** Of what she proved herself with, where that can be revoked by itself. */
  readonly credentialId?: CredentialId | null
}

/**
 * What lets us end her session later: our Class, and for a NAS that cannot be told to, a time after
 * which it asks again. Behind all others, since some NAS heed only the first Class, an admin's.
 */
export function makeSessionAttributes(admitted: Admitted, classes: SessionClasses): Attribute[] {
  const { who, grant, network, nas, credentialId = null } = admitted
  const hasTimeout = (grant.session?.timeoutSeconds ?? null) !== null
  const isLeftToTime = !hasTimeout && !takesRequests(nas)
  const { id: principalId } = who.value
  const granted = digestGrant(grant)
  return [
    ...(isLeftToTime ? makeTimeout(FALL_BACK_SECONDS) : []),
    classes.make({ principalId, networkId: network.id, credentialId, granted }),
  ]
}

/** Whether a NAS can be asked to end a session; one behind RadSec cannot be reached by UDP. */
export function takesRequests({ dynamicAuthorization, radsec }: Nas): boolean {
  return dynamicAuthorization.mode !== 'off' && radsec === null
}

function makeTimeout(seconds: number): Attribute[] {
  return [
    makeInteger(AttributeType.sessionTimeout, seconds),
    makeInteger(AttributeType.terminationAction, ASK_AGAIN),
  ]
}

/** Stands for who let somebody in and onto which VLAN, to tell later whether she has moved. */
export function digestGrant({ groupId, vlan }: Pick<Grant, 'groupId' | 'vlan'>): string {
  return digestHalf(`group ${groupId ?? ''}`) + digestHalf(`vlan ${vlan ?? ''}`)
}

function digestHalf(text: string): string {
  return (
    digests.find(text) ?? digests.keep(text, hash('sha256', text, 'hex').slice(0, GRANTED_BYTES))
  )
}

/**
 * Whether another group lets her in now, and onto another VLAN. A network whose VLAN was edited moves
 * nobody by itself: it would throw everybody off at once.
 */
export function hasMoved(before: string, now: string): boolean {
  const part = (digest: string, at: number) => digest.slice(at, at + GRANTED_BYTES)
  return (
    part(before, 0) !== part(now, 0) && part(before, GRANTED_BYTES) !== part(now, GRANTED_BYTES)
  )
}

/** Why an attribute can't be part of a reply, in words for an admin; null when it can. */
export function checkReplyAttribute({ name, value }: ReplyAttribute): string | null {
  const known = findNamedAttribute(name)
  const setting = ownSettings.get(known?.name ?? '')
  if (setting !== undefined) return `${name} is a setting of its own: ${setting}`
  if (known?.type === AttributeType.tunnelPassword.type && known.vendor === null)
    return `${name} is a secret, and what a network replies is kept and shown in the clear: set it on the NAS`
  if (known?.isForReplies === false) return `${name} is set by the server, or no part of a reply`
  const vendor = known === null ? findNumberedAttribute(name)?.vendor : null
  if (vendor === Vendor.microsoft)
    return `${name}: what Microsoft has beside the names here is keys`
  try {
    parseAttribute(name, value)
    return null
  } catch (error) {
    if (error instanceof RadiusError) return error.message
    throw error
  }
}

/** What an admin can put into a reply. */
export function listReplyAttributes(): readonly ListedAttribute[] {
  return replyAttributes().map(({ name, vendorName, value, names }) => ({
    name,
    vendor: vendorName,
    value: value.replace('tagged-', ''),
    names: names === null ? [] : Object.keys(names),
  }))
}

function encode(attribute: ReplyAttribute): Attribute {
  let known = encoded.get(attribute)
  if (known === undefined) {
    known = parseAttribute(attribute.name, attribute.value)
    encoded.set(attribute, known)
  }
  return known
}
