import { ScimError } from '../errors.ts'
import type { Operation } from './call.ts'

/** For what the RFC has and this service doesn't, and says so in its ServiceProviderConfig. */
export const notImplemented: Operation = () => {
  throw new ScimError('SCIM_NOT_IMPLEMENTED', 'this service does not do that')
}
