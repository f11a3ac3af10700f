import { ENTERPRISE_USER_SCHEMA } from '../urns.ts'
import { complex, reference, type Schema, text } from './attribute.ts'

/** RFC 7643 §4.3. */
export const enterpriseUserSchema: Schema = {
  id: ENTERPRISE_USER_SCHEMA,
  name: 'EnterpriseUser',
  description: 'What an organization knows of a person who works for it',
  attributes: [
    text('employeeNumber', 'Number or text by which the organization knows the person.'),
    text('costCenter', 'Cost centre.'),
    text('organization', 'Organization.'),
    text('division', 'Division.'),
    text('department', 'Department.'),
    complex('manager', 'Who the person reports to.', {
      subAttributes: [
        text('value', "The manager's id.", { caseExact: true }),
        reference('$ref', 'Where the manager can be read.', { referenceTypes: ['User'] }),
        text('displayName', "The manager's display name.", { mutability: 'readOnly' }),
      ],
    }),
  ],
}
