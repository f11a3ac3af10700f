import type { BerReader } from './ber/reader.ts'
import { Tag } from './ber/reader.ts'
import type { BerWriter } from './ber/writer.ts'
import { LdapError } from './errors.ts'
import { MAX_CONTROLS } from './limits.ts'

/** RFC 4511 §4.1.11. `value` is absent in many controls, ppolicy's request among them. */
export interface Control {
  readonly type: string
  readonly isCritical: boolean
  readonly value: Buffer | null
}

const CONTROLS = Tag.contextConstructed
const NONE: readonly Control[] = []

/** @throws {LdapError} `LDAP_MALFORMED`, or `LDAP_LIMIT` for more controls than allowed */
export function decodeControls(reader: BerReader): readonly Control[] {
  if (reader.peekTag() !== CONTROLS) return NONE
  const controls: Control[] = []
  const outer = reader.enter(CONTROLS)
  while (!reader.isAtEnd) {
    if (controls.length === MAX_CONTROLS) throw new LdapError('LDAP_LIMIT', 'too many controls')
    controls.push(decodeControl(reader))
  }
  reader.leave(outer)
  return controls
}

function decodeControl(reader: BerReader): Control {
  const outer = reader.enter(Tag.sequence)
  const type = reader.text()
  const isCritical = reader.peekTag() === Tag.boolean ? reader.boolean() : false
  const value = reader.peekTag() === Tag.octetString ? reader.octets() : null
  reader.leave(outer)
  return { type, isCritical, value }
}

export function encodeControls(writer: BerWriter, controls: readonly Control[]): void {
  if (controls.length === 0) return
  const list = writer.open(CONTROLS)
  for (const control of controls) {
    const start = writer.open(Tag.sequence)
    writer.text(control.type)
    if (control.isCritical) writer.boolean(true)
    if (control.value !== null) writer.octets(control.value)
    writer.close(start)
  }
  writer.close(list)
}
