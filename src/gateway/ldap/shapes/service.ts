import type { Service } from '../../../directory/service.ts'
import { classes, commonAttributes, fixed, type Shape } from './shape.ts'

const OBJECT_CLASSES = classes('account', 'simpleSecurityObject')

/** An LDAP client's own entry, which nobody but itself sees. */
export const serviceShape: Shape<Service> = {
  kind: 'service',
  objectClasses: OBJECT_CLASSES,
  attributes: [
    fixed('objectClass', () => OBJECT_CLASSES),
    fixed('uid', ({ name }) => name),
    ...commonAttributes<Service>('account'),
  ],
}
