import { Type } from 'typebox'

/** The name by which a switch knows a VLAN; a number as a text is one that a VLAN can have, or it is refused. */
export const VlanName = Type.String({
  minLength: 1,
  maxLength: 32,
  pattern: '^(?!-?[0-9]+$)|^(?:[1-9][0-9]{0,2}|[1-3][0-9]{3}|40[0-8][0-9]|409[0-4])$',
})
