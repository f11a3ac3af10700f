import { GROUP_SCHEMA } from '../urns.ts'
import { complex, reference, type Schema, text } from './attribute.ts'

/** RFC 7643 §4.2. */
export const groupSchema: Schema = {
  id: GROUP_SCHEMA,
  name: 'Group',
  description: 'A group of people and of other groups',
  attributes: [
    text('displayName', 'The name of the group.', { required: true }),
    complex('members', 'The direct members.', {
      multiValued: true,
      subAttributes: [
        text('value', "The member's id.", { mutability: 'immutable', caseExact: true }),
        reference('$ref', 'Where the member can be read.', {
          mutability: 'immutable',
          referenceTypes: ['User', 'Group'],
        }),
        text('display', "The member's display name.", { mutability: 'readOnly' }),
        text('type', 'What kind of member it is.', {
          mutability: 'immutable',
          canonicalValues: ['User', 'Group'],
        }),
      ],
    }),
  ],
}
