import {
  assignAppRole,
  assignDirectoryRole,
  createApplication,
  createServicePrincipal,
  listApplications,
  listAppRoleAssignments,
  listDirectoryRoleAssignments,
  listServicePrincipals,
  updateApplication,
} from './application-calls.ts'
import { addKey, removeKey } from './application-keys.ts'
import {
  listFederatedCredentials,
  listOwners,
  listPrincipalOwners,
  showMe,
} from './application-owners.ts'
import type { Route } from './route.ts'

const READ_APPLICATIONS = [
  'Application.Read.All',
  'Application.ReadWrite.All',
  'Directory.Read.All',
  'Directory.ReadWrite.All',
]
const WRITE_APPLICATIONS = ['Application.ReadWrite.All', 'Directory.ReadWrite.All']
const READ_ROLES = [
  'Directory.Read.All',
  'Directory.ReadWrite.All',
  'RoleManagement.Read.Directory',
  'RoleManagement.ReadWrite.Directory',
]

/**
 * Applications, their service principals and what those are granted: for an administrator who has
 * signed in. Permissions from the reference page of each call.
 */
export const APPLICATION_ROUTES: readonly Route[] = [
  route('GET', '/applications', READ_APPLICATIONS, listApplications),
  route('POST', '/applications', WRITE_APPLICATIONS, createApplication),
  route('GET', '/me', ['User.Read', 'User.Read.All'], showMe),
  route('GET', '/applications/{id}/owners', READ_APPLICATIONS, listOwners),
  route(
    'GET',
    '/applications/{id}/federatedidentitycredentials',
    READ_APPLICATIONS,
    listFederatedCredentials,
  ),
  route('GET', '/serviceprincipals/{id}/owners', READ_APPLICATIONS, listPrincipalOwners),
  route('PATCH', '/applications/{id}', WRITE_APPLICATIONS, updateApplication),
  { ...route('POST', '/applications/{id}/addkey', WRITE_APPLICATIONS, addKey), isForItself: true },
  {
    ...route('POST', '/applications/{id}/removekey', WRITE_APPLICATIONS, removeKey),
    isForItself: true,
  },
  route('GET', '/serviceprincipals', READ_APPLICATIONS, listServicePrincipals),
  route('POST', '/serviceprincipals', WRITE_APPLICATIONS, createServicePrincipal),
  route(
    'GET',
    '/serviceprincipals/{id}/approleassignments',
    [...READ_APPLICATIONS, 'AppRoleAssignment.ReadWrite.All'],
    listAppRoleAssignments,
  ),
  route(
    'POST',
    '/serviceprincipals/{id}/approleassignments',
    ['AppRoleAssignment.ReadWrite.All'],
    assignAppRole,
  ),
  route(
    'GET',
    '/rolemanagement/directory/roleassignments',
    READ_ROLES,
    listDirectoryRoleAssignments,
  ),
  route(
    'POST',
    '/rolemanagement/directory/roleassignments',
    ['RoleManagement.ReadWrite.Directory'],
    assignDirectoryRole,
  ),
]

function route(
  method: 'GET' | 'POST' | 'PATCH',
  template: string,
  delegated: readonly string[],
  answer: Route['answer'],
): Route {
  return {
    method,
    template,
    permissionTemplate: template,
    units: 1,
    isWrite: method !== 'GET',
    delegated,
    answer,
  }
}
