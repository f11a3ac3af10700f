import { decide } from '../../../access/decide.ts'
import { decideDevice } from '../../../access/device.ts'
import { decideGuest, findGuestEnd } from '../../../access/guest.ts'
import type { Device } from '../../../directory/device.ts'
import type { Directory } from '../../../directory/directory.ts'
import type { Guest } from '../../../directory/guest.ts'
import type { CredentialId } from '../../../directory/id.ts'
import type { Network } from '../../../directory/network.ts'
import type { DisconnectKind, OpenSession } from '../../../directory/ports/disconnects.ts'
import { digestGrant, hasMoved } from '../reply-attributes.ts'

export interface JudgeParts {
  readonly directory: Directory
  /** Whether a credential that a session was opened with is still good. */
  readonly isGood: (id: CredentialId) => boolean
  /** In the place of the directory's: as an edit would make them. */
  readonly networks?: readonly Network[]
}

export interface Judgement {
  readonly kind: DisconnectKind
  readonly cause: string
}

/**
 * Why a session of a person, a device or a guest may not go on as it is, by the same rules that would
 * admit it now; null when it may.
 * A session whose network is unknown, or gone, is ended only for reasons of the person herself.
 */
export function judgeSession(
  session: OpenSession,
  { directory, isGood, networks = directory.networks() }: JudgeParts,
): Judgement | null {
  const device = directory.deviceById(session.principalId)
  if (device !== null) return judgeDevice(session, { directory, device, networks })
  const guest = directory.guestById(session.principalId)
  if (guest !== null) return judgeGuest(session, { directory, guest, networks })
  const entry = directory.entryById(session.principalId)
  if (entry === null) return end('deleted')
  if (session.credentialId !== null && !isGood(session.credentialId))
    return end('credential-revoked')
  // Without our Class the network is a guess, of whom it would admit says nothing about her.
  const isKnown = session.granted !== null
  const network = isKnown ? networks.find(({ id }) => id === session.networkId) : undefined
  if (network === undefined) {
    const decision = decide(directory, entry, { kind: 'account' })
    return decision.ok || decision.denial === 'wrong-kind' ? null : end(decision.denial)
  }
  const decision = decide(directory, entry, { kind: 'network', network })
  if (!decision.ok) return end(decision.denial)
  const moved = hasMoved(session.granted ?? '', digestGrant(decision.grant))
  return moved ? { kind: 'change', cause: 'group-changed' } : null
}

/** Where its network is gone, a device may stay as people may. */
function judgeDevice(
  { networkId }: OpenSession,
  {
    directory,
    device,
    networks,
  }: Required<Pick<JudgeParts, 'directory' | 'networks'>> & { readonly device: Device },
): Judgement | null {
  const network = networks.find(({ id }) => id === networkId)
  if (network === undefined) return null
  const decision = decideDevice(directory, device, { network })
  return decision.ok ? null : end(decision.denial)
}

/** Of a network that is gone, or only a guess, nothing is asked: its own time ends it all the same. */
function judgeGuest(
  { networkId, granted }: OpenSession,
  {
    directory,
    guest,
    networks,
  }: Required<Pick<JudgeParts, 'directory' | 'networks'>> & { readonly guest: Guest },
): Judgement | null {
  const network = granted === null ? undefined : networks.find(({ id }) => id === networkId)
  if (network === undefined) {
    const denial = findGuestEnd(directory, guest, Date.now())
    return denial === null ? null : end(denial)
  }
  const decision = decideGuest(directory, guest, { network })
  return decision.ok ? null : end(decision.denial)
}

function end(cause: string): Judgement {
  return { kind: 'disconnect', cause }
}
