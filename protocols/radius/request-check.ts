import { findValue } from './attributes.ts'
import type { RadiusClient } from './client-table.ts'
import { PacketCode } from './code.ts'
import { AttributeType } from './dictionary.ts'
import type { DropReason } from './events.ts'
import type { Packet } from './packet.ts'
import type { SharedSecret } from './shared-secret.ts'
import { fitsUserPassword } from './user-password.ts'

const EAP_MESSAGE = AttributeType.eapMessage.type
const PROXY_STATE = AttributeType.proxyState.type
const ZERO_AUTHENTICATOR = Buffer.alloc(16)

export type Checked =
  | {
      readonly ok: true
      readonly secret: SharedSecret
      /** Something in the request was made with the secret, which is not merely taken for it. */
      readonly isSecretSure: boolean
      readonly hasMessageAuthenticator: boolean
      /** By this request its client has shown, for the first time, that it signs of its own accord. */
      readonly isFirstProof: boolean
    }
  | { readonly ok: false; readonly reason: DropReason }

/** Whether a request comes from who shares the secret, as far as RADIUS lets one know. */
export class RequestCheck {
  /** Clients that have shown a Message-Authenticator of their own. */
  readonly #proven = new WeakSet<RadiusClient>()

  /** @param datagram the bytes `packet` was decoded from */
  check(datagram: Buffer, packet: Packet, client: RadiusClient): Checked {
    return packet.code === PacketCode.accountingRequest
      ? checkAccounting(datagram, packet, client)
      : this.#checkAccess(datagram, packet, client)
  }

  #checkAccess(datagram: Buffer, packet: Packet, client: RadiusClient): Checked {
    for (const secret of client.secrets) {
      const verdict = secret.verifyMessageAuthenticator(datagram, packet)
      if (verdict === 'absent') return this.#checkUnsigned(packet, client)
      if (verdict === 'valid') {
        const isFirstProof = !has(packet, EAP_MESSAGE) && this.#learn(client)
        return accept({ secret, isSecretSure: true, hasMessageAuthenticator: true, isFirstProof })
      }
    }
    return refuse('bad-message-authenticator')
  }

  #checkUnsigned(packet: Packet, client: RadiusClient): Checked {
    const { secret, isSecretSure } = likelySecret(packet, client)
    // RFC 3579 §3.1 and RFC 5997 §3 demand it whatever the client's rule says.
    const isDemanded = packet.code === PacketCode.statusServer || has(packet, EAP_MESSAGE)
    if (secret === undefined || isDemanded || this.#isRequired(client)) {
      return refuse('missing-message-authenticator')
    }
    if (client.limitProxyState && has(packet, PROXY_STATE)) {
      return refuse('proxy-state-without-message-authenticator')
    }
    return accept({ secret, isSecretSure, hasMessageAuthenticator: false })
  }

  // EAP always carries it and so proves nothing; only other requests turn `auto` into `yes`.
  #learn(client: RadiusClient): boolean {
    if (client.hasSigned === true || this.#proven.has(client)) return false
    this.#proven.add(client)
    return true
  }

  #isRequired(client: RadiusClient): boolean {
    const rule = client.requireMessageAuthenticator
    return (
      rule === 'yes' || (rule === 'auto' && (client.hasSigned === true || this.#proven.has(client)))
    )
  }
}

function checkAccounting(datagram: Buffer, packet: Packet, client: RadiusClient): Checked {
  for (const secret of client.secrets) {
    if (!secret.verifyAccountingAuthenticator(datagram)) continue
    const verdict = secret.verifyMessageAuthenticator(datagram, packet, ZERO_AUTHENTICATOR)
    if (verdict === 'invalid') return refuse('bad-message-authenticator')
    return accept({
      secret,
      isSecretSure: true,
      hasMessageAuthenticator: verdict === 'valid',
    })
  }
  return refuse('bad-authenticator')
}

/**
 * Nothing in an unsigned request says which secret it was made with, but its User-Password hints at
 * it; where that says nothing either, the newest.
 */
function likelySecret(
  { attributes, authenticator }: Packet,
  { secrets }: RadiusClient,
): { readonly secret: SharedSecret | undefined; readonly isSecretSure: boolean } {
  const [newest, ...older] = secrets
  const hidden = older.length === 0 ? null : findValue(attributes, AttributeType.userPassword)
  if (hidden === null) return { secret: newest, isSecretSure: false }
  const fits = secrets.filter(({ bytes }) => fitsUserPassword(hidden, bytes, authenticator))
  return { secret: fits[0] ?? newest, isSecretSure: fits.length === 1 }
}

function has(packet: Packet, type: number): boolean {
  return packet.attributes.some((attribute) => attribute.type === type)
}

type Accepted = Extract<Checked, { ok: true }>

function accept(
  found: Omit<Accepted, 'ok' | 'isFirstProof'> & Partial<Pick<Accepted, 'isFirstProof'>>,
): Checked {
  return { ok: true, isFirstProof: false, ...found }
}

function refuse(reason: DropReason): Checked {
  return { ok: false, reason }
}
