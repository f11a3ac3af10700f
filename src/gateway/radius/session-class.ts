import { createHmac } from 'node:crypto'
import { type Attribute, AttributeType, makeOctets } from '../../../protocols/radius/index.ts'
import { equalConstantTime } from '../../../protocols/wire/index.ts'
import type { CredentialId, NetworkId, PrincipalId } from '../../directory/id.ts'
import { Recent } from './recent.ts'

const FORMAT = 1
const ID_BYTES = 16
const GRANTED_BYTES = 4
const MAC_BYTES = 12
const PRINCIPAL_AT = 1
const NETWORK_AT = PRINCIPAL_AT + ID_BYTES
const CREDENTIAL_AT = NETWORK_AT + ID_BYTES
const GRANTED_AT = CREDENTIAL_AT + ID_BYTES
const MAC_AT = GRANTED_AT + GRANTED_BYTES
const NOBODY = Buffer.alloc(ID_BYTES)
/** Some 400 bytes each. */
const MAX_MADE = 4_096

/** What somebody was admitted as, and to. */
export interface SessionClass {
  readonly principalId: PrincipalId
  readonly networkId: NetworkId
  /** Of one that can be revoked by itself, such as a certificate; null for a password. */
  readonly credentialId: CredentialId | null
  /** Eight hexadecimal digits that stand for what she was given. */
  readonly granted: string
}

/**
 * The Class attribute of our Access-Accepts, which a NAS repeats in its accounting (RFC 2865 §5.25):
 * 65 octets that tie a session to whom it belongs, whatever name the NAS knows. Authenticated, so that
 * nobody who reads one can make another, and the same on every daemon.
 */
export class SessionClasses {
  readonly #keys: readonly Buffer[]
  /** The same for each log-in of somebody, and dear to make. */
  readonly #made = new Recent<Attribute>(MAX_MADE)

  /** @param keys the first makes, all of them are believed */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys
  }

  make(admitted: SessionClass): Attribute {
    const { principalId, networkId, credentialId, granted } = admitted
    const key = `${principalId} ${networkId} ${credentialId} ${granted}`
    return this.#made.find(key) ?? this.#made.keep(key, this.#make(admitted))
  }

  /** The one of ours among a report's Class attributes; null when there is none. */
  read(attributes: readonly Attribute[]): SessionClass | null {
    for (const { type, value } of attributes) {
      if (type === AttributeType.class.type && this.#isOurs(value)) return parse(value)
    }
    return null
  }

  #make({ principalId, networkId, credentialId, granted }: SessionClass): Attribute {
    const bytes = Buffer.alloc(MAC_AT + MAC_BYTES)
    bytes.writeUInt8(FORMAT)
    bytes.set(bytesOf(principalId), PRINCIPAL_AT)
    bytes.set(bytesOf(networkId), NETWORK_AT)
    bytes.set(credentialId === null ? NOBODY : bytesOf(credentialId), CREDENTIAL_AT)
    bytes.write(granted, GRANTED_AT, 'hex')
    const [key] = this.#keys
    if (key === undefined) throw new Error('no key to make a Class with')
    bytes.set(macOf(key, bytes), MAC_AT)
    return makeOctets(AttributeType.class, bytes)
  }

  #isOurs(value: Buffer): boolean {
    if (value.length !== MAC_AT + MAC_BYTES || value[0] !== FORMAT) return false
    const mac = value.subarray(MAC_AT)
    return this.#keys.some((key) => equalConstantTime(macOf(key, value), mac))
  }
}

function macOf(key: Buffer, bytes: Buffer): Buffer {
  const mac = createHmac('sha256', key).update(bytes.subarray(0, MAC_AT)).digest()
  return mac.subarray(0, MAC_BYTES)
}

function parse(value: Buffer): SessionClass {
  const credential = value.subarray(CREDENTIAL_AT, GRANTED_AT)
  return {
    principalId: idOf(value.subarray(PRINCIPAL_AT, NETWORK_AT)) as PrincipalId,
    networkId: idOf(value.subarray(NETWORK_AT, CREDENTIAL_AT)) as NetworkId,
    credentialId: credential.equals(NOBODY) ? null : (idOf(credential) as CredentialId),
    granted: value.subarray(GRANTED_AT, MAC_AT).toString('hex'),
  }
}

function bytesOf(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex')
}

function idOf(bytes: Buffer): string {
  const hex = bytes.toString('hex')
  const groups = [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ] as const
  return groups.map(([from, to]) => hex.slice(from, to)).join('-')
}
