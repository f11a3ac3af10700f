import { AttributeType } from './dictionary.ts'
import { type Attribute, MAX_VALUE_BYTES } from './packet.ts'

const EAP_MESSAGE = AttributeType.eapMessage.type

/** Splits an EAP packet into EAP-Message attributes, to be sent one after the other (RFC 3579 §3.1). */
export function splitEapMessage(eap: Buffer): Attribute[] {
  const attributes: Attribute[] = []
  for (let at = 0; at < eap.length; at += MAX_VALUE_BYTES) {
    attributes.push({ type: EAP_MESSAGE, value: eap.subarray(at, at + MAX_VALUE_BYTES) })
  }
  return attributes
}

/** Joins a request's EAP-Message attributes; null when it has none, empty for EAP-Start. */
export function joinEapMessage(attributes: readonly Attribute[]): Buffer | null {
  const parts: Buffer[] = []
  for (const { type, value } of attributes) if (type === EAP_MESSAGE) parts.push(value)
  if (parts.length === 1) return parts[0] ?? null
  return parts.length === 0 ? null : Buffer.concat(parts)
}
