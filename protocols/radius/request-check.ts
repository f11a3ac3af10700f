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
  | { readonly ok: true; readonly secret: SharedSecret; readonly hasMessageAuthenticator: boolean }
  | { readonly ok: false; readonly reason: DropReason }

/** Whether a request comes from who shares the secret, as far as RADIUS lets one know. */
export class RequestCheck {
  /** Names of clients under the `auto` rule that have shown a Message-Authenticator of their own. */
  readonly #proven = new Set<string>()

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
        if (!has(packet, EAP_MESSAGE)) this.#proven.add(client.name)
        return { ok: true, secret, hasMessageAuthenticator: true }
      }
    }
    return refuse('bad-message-authenticator')
  }

  #checkUnsigned(packet: Packet, client: RadiusClient): Checked {
    const secret = likelySecret(packet, client)
    // RFC 3579 §3.1 and RFC 5997 §3 demand it whatever the client's rule says.
    const isDemanded = packet.code === PacketCode.statusServer || has(packet, EAP_MESSAGE)
    if (secret === undefined || isDemanded || this.#isRequired(client)) {
      return refuse('missing-message-authenticator')
    }
    if (client.limitProxyState && has(packet, PROXY_STATE)) {
      return refuse('proxy-state-without-message-authenticator')
    }
    return { ok: true, secret, hasMessageAuthenticator: false }
  }

  #isRequired({ requireMessageAuthenticator: rule, name }: RadiusClient): boolean {
    // EAP always carries it and so proves nothing; only other requests turn `auto` into `yes`.
    return rule === 'yes' || (rule === 'auto' && this.#proven.has(name))
  }
}

function checkAccounting(datagram: Buffer, packet: Packet, client: RadiusClient): Checked {
  for (const secret of client.secrets) {
    if (!secret.verifyAccountingAuthenticator(datagram)) continue
    const verdict = secret.verifyMessageAuthenticator(datagram, packet, ZERO_AUTHENTICATOR)
    if (verdict === 'invalid') return refuse('bad-message-authenticator')
    return { ok: true, secret, hasMessageAuthenticator: verdict === 'valid' }
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
): SharedSecret | undefined {
  const [newest, ...older] = secrets
  if (older.length === 0) return newest
  const hidden = findValue(attributes, AttributeType.userPassword)
  if (hidden === null) return newest
  return secrets.find(({ bytes }) => fitsUserPassword(hidden, bytes, authenticator)) ?? newest
}

function has(packet: Packet, type: number): boolean {
  return packet.attributes.some((attribute) => attribute.type === type)
}

function refuse(reason: DropReason): Checked {
  return { ok: false, reason }
}
