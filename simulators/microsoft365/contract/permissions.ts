/**
 * Which application permissions allow which call, for the calls this simulator answers, as Microsoft
 * publishes them (microsoftgraph/microsoft-graph-devx-content, permissions/new/permissions.json, MIT).
 * A test holds it against the published file.
 */
export const PERMISSIONS: Readonly<Record<string, readonly string[]>> = {
  'GET /users': words(
    `AgentIdUser.ReadWrite.All AgentIdUser.ReadWrite.IdentityParentedBy DeviceManagementApps.Read.All DeviceManagementApps.ReadWrite.All DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All DeviceManagementManagedDevices.Read.All DeviceManagementManagedDevices.ReadWrite.All DeviceManagementServiceConfig.Read.All DeviceManagementServiceConfig.ReadWrite.All Directory.Read.All Directory.ReadWrite.All User.Read.All User.ReadBasic.All User.ReadWrite.All User.ReadWrite.CrossCloud`,
  ),
  'GET /users/{id}': words(
    `AgentIdUser.ReadWrite.All AgentIdUser.ReadWrite.IdentityParentedBy DeviceManagementApps.Read.All DeviceManagementApps.ReadWrite.All DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All DeviceManagementManagedDevices.Read.All DeviceManagementManagedDevices.ReadWrite.All DeviceManagementServiceConfig.Read.All DeviceManagementServiceConfig.ReadWrite.All Directory.Read.All Directory.ReadWrite.All User.Read.All User.ReadBasic.All User.ReadWrite.All User.ReadWrite.CrossCloud`,
  ),
  'PATCH /users/{id}': words(
    `AgentIdUser.ReadWrite.All AgentIdUser.ReadWrite.IdentityParentedBy DeviceManagementApps.ReadWrite.All DeviceManagementConfiguration.ReadWrite.All DeviceManagementManagedDevices.ReadWrite.All DeviceManagementServiceConfig.ReadWrite.All Directory.ReadWrite.All User-Mail.ReadWrite.All User-PasswordProfile.ReadWrite.All User-Phone.ReadWrite.All User.EnableDisableAccount.All User.ManageIdentities.All User.ReadWrite.All User.ReadWrite.CrossCloud`,
  ),
  'POST /users/{id}/revokesigninsessions': words(
    `AgentIdUser.ReadWrite.All AgentIdUser.ReadWrite.IdentityParentedBy Directory.ReadWrite.All User.ReadWrite.All User.RevokeSessions.All`,
  ),
  'POST /users/{id}/assignlicense': words(
    `AgentIdUser.ReadWrite.All AgentIdUser.ReadWrite.IdentityParentedBy Directory.ReadWrite.All LicenseAssignment.ReadWrite.All User.ReadWrite.All`,
  ),
  'GET /users/delta': words(
    `AgentIdUser.ReadWrite.All AgentIdUser.ReadWrite.IdentityParentedBy Directory.Read.All Directory.ReadWrite.All User.Read.All User.ReadWrite.All`,
  ),
  'GET /users/{id}/memberof': words(
    `Directory.Read.All Directory.ReadWrite.All Group.ReadBasic.All GroupMember.ReadBasic.All`,
  ),
  'GET /users/{id}/transitivememberof': words(
    `Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read.All`,
  ),
  'GET /users/{id}/manager': words(
    `AgentIdUser.ReadWrite.All AgentIdUser.ReadWrite.IdentityParentedBy Directory.Read.All Directory.ReadWrite.All User.Read.All User.ReadWrite.All`,
  ),
  'PUT /users/{id}/manager': words(
    `AgentIdUser.ReadWrite.All AgentIdUser.ReadWrite.IdentityParentedBy Directory.ReadWrite.All User.ReadWrite.All`,
  ),
  'DELETE /users/{id}/manager': words(
    `AgentIdUser.ReadWrite.All AgentIdUser.ReadWrite.IdentityParentedBy Directory.ReadWrite.All User.ReadWrite.All`,
  ),
  'GET /groups': words(
    `Directory.Read.All Directory.ReadWrite.All Group-NestingSupport.ReadWrite.All Group-PreferredDataLocation.ReadWrite.All Group.ManageProtection.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All`,
  ),
  'GET /groups/{id}': words(
    `Directory.Read.All Directory.ReadWrite.All Group-NestingSupport.ReadWrite.All Group-PreferredDataLocation.ReadWrite.All Group-XTenantIdentitySync.Read.All Group.ManageProtection.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All`,
  ),
  'GET /groups/delta': words(
    `Directory.Read.All Directory.ReadWrite.All Group-NestingSupport.ReadWrite.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All`,
  ),
  'GET /groups/{id}/members': words(
    `Directory.Read.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All GroupMember.ReadBasic.All GroupMember.ReadWrite.All`,
  ),
  'DELETE /groups/{id}/members/{id}': words(
    `Directory.ReadWrite.All Group.ReadWrite.All GroupMember.ReadWrite.All`,
  ),
  'GET /groups/{id}/transitivemembers': words(
    `Directory.Read.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All GroupMember.ReadBasic.All GroupMember.ReadWrite.All`,
  ),
  'GET /groups/{id}/memberof': words(
    `Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All GroupMember.Read.All GroupMember.ReadBasic.All`,
  ),
  'GET /organization': words(
    `DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All DeviceManagementServiceConfig.Read.All DeviceManagementServiceConfig.ReadWrite.All Directory.Read.All Directory.ReadWrite.All Organization.Read.All Organization.ReadWrite.All User.Read.All`,
  ),
  'GET /domains': words(`Directory.Read.All Domain.Read.All Domain.ReadWrite.All`),
  'GET /subscribedskus': words(
    `Directory.Read.All Directory.ReadWrite.All LicenseAssignment.Read.All Organization.Read.All Organization.ReadWrite.All`,
  ),
  'GET /directoryroles': words(
    `Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory`,
  ),
  'GET /directoryroles/{id}/members': words(
    `Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory`,
  ),
  'POST /directoryobjects/getbyids': words(`Directory.Read.All`),
}

/** Allows no call of its own: it lets the group calls show hidden memberships. */
export const HIDDEN_MEMBERS_PERMISSION = 'Member.Read.Hidden'

function words(text: string): string[] {
  return text.split(/\s+/)
}
