import { Type } from 'typebox'

/** The name by which a switch knows a VLAN, which is never a number: that would be one it cannot have. */
export const VlanName = Type.String({
  minLength: 1,
  maxLength: 32,
  pattern: '^(?!-?[0-9]+$)',
})
