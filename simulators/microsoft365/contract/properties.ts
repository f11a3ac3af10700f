/**
 * The structural properties of the entities this simulator answers with, as Microsoft publishes them
 * (microsoftgraph/msgraph-metadata, schemas/v1.0-Prod.csdl, MIT). `[]` marks a collection. A test
 * holds the table against the published file.
 */
export const PROPERTIES: Readonly<Record<string, readonly string[]>> = {
  user: words(
    `aboutMe accountEnabled ageGroup assignedLicenses[] assignedPlans[] authorizationInfo birthday businessPhones[] city companyName consentProvidedForMinor country createdDateTime creationType customSecurityAttributes deletedDateTime department deviceEnrollmentLimit displayName employeeHireDate employeeId employeeLeaveDateTime employeeOrgData employeeType externalUserState externalUserStateChangeDateTime faxNumber givenName hireDate id identities[] identityParentId imAddresses[] interests[] isManagementRestricted isResourceAccount jobTitle lastPasswordChangeDateTime legalAgeGroupClassification licenseAssignmentStates[] mail mailNickname mailboxSettings mobilePhone mySite officeLocation onPremisesDistinguishedName onPremisesDomainName onPremisesExtensionAttributes onPremisesImmutableId onPremisesLastSyncDateTime onPremisesProvisioningErrors[] onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled onPremisesUserPrincipalName otherMails[] passwordPolicies passwordProfile pastProjects[] postalCode preferredDataLocation preferredLanguage preferredName print provisionedPlans[] proxyAddresses[] responsibilities[] schools[] securityIdentifier serviceProvisioningErrors[] showInAddressList signInActivity signInSessionsValidFromDateTime skills[] state streetAddress surname usageLocation userPrincipalName userType`,
  ),
  group: words(
    `accessType allowExternalSenders assignedLabels[] assignedLicenses[] autoSubscribeNewMembers classification createdDateTime deletedDateTime description displayName expirationDateTime groupTypes[] hasMembersWithLicenseErrors hideFromAddressLists hideFromOutlookClients id infoCatalogs[] isArchived isAssignableToRole isFavorite isManagementRestricted isSubscribedByMail licenseProcessingState mail mailEnabled mailNickname membershipRule membershipRuleProcessingState onPremisesDomainName onPremisesExtensionAttributes onPremisesLastSyncDateTime onPremisesNetBiosName onPremisesProvisioningErrors[] onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled organizationId preferredDataLocation preferredLanguage proxyAddresses[] renewedDateTime resourceBehaviorOptions[] resourceProvisioningOptions[] securityEnabled securityIdentifier serviceProvisioningErrors[] theme uniqueName unseenConversationsCount unseenCount unseenMessagesCount visibility welcomeMessageEnabled`,
  ),
  organization: words(
    `assignedPlans[] businessPhones[] city country countryLetterCode createdDateTime defaultUsageLocation deletedDateTime displayName id marketingNotificationEmails[] mobileDeviceManagementAuthority onPremisesLastSyncDateTime onPremisesSyncEnabled partnerTenantType postalCode preferredLanguage privacyProfile provisionedPlans[] securityComplianceNotificationMails[] securityComplianceNotificationPhones[] state street technicalNotificationMails[] tenantType verifiedDomains[]`,
  ),
  directoryRole: words(`deletedDateTime description displayName id roleTemplateId`),
  domain: words(
    `authenticationType availabilityStatus id isAdminManaged isDefault isInitial isRoot isVerified manufacturer model passwordNotificationWindowInDays passwordValidityPeriodInDays state supportedServices[]`,
  ),
  subscribedSku: words(
    `accountId accountName appliesTo capabilityStatus consumedUnits id prepaidUnits servicePlans[] skuId skuPartNumber subscriptionIds[]`,
  ),
  servicePrincipal: words(
    `accountEnabled addIns[] alternativeNames[] appDescription appDisplayName appId appOwnerOrganizationId appRoleAssignmentRequired appRoles[] applicationTemplateId createdByAppId customSecurityAttributes deletedDateTime description disabledByMicrosoftStatus displayName homepage id info isDisabled keyCredentials[] loginUrl logoutUrl notes notificationEmailAddresses[] oauth2PermissionScopes[] passwordCredentials[] preferredSingleSignOnMode preferredTokenSigningKeyThumbprint replyUrls[] resourceSpecificApplicationPermissions[] samlSingleSignOnSettings servicePrincipalNames[] servicePrincipalType signInAudience tags[] tokenEncryptionKeyId verifiedPublisher`,
  ),
  unifiedRoleAssignment: words(
    `appScopeId condition directoryScopeId id principalId principalOrganizationId roleDefinitionId`,
  ),
  device: words(
    `accountEnabled alternativeSecurityIds[] approximateLastSignInDateTime complianceExpirationDateTime deletedDateTime deviceCategory deviceId deviceMetadata deviceOwnership deviceVersion displayName enrollmentProfileName enrollmentType id isCompliant isManaged isManagementRestricted isRooted managementType manufacturer mdmAppId model onPremisesLastSyncDateTime onPremisesSecurityIdentifier onPremisesSyncEnabled operatingSystem operatingSystemVersion physicalIds[] profileType registrationDateTime systemLabels[] trustType`,
  ),
  orgContact: words(
    `addresses[] companyName deletedDateTime department displayName givenName id jobTitle mail mailNickname onPremisesLastSyncDateTime onPremisesProvisioningErrors[] onPremisesSyncEnabled phones[] proxyAddresses[] serviceProvisioningErrors[] surname`,
  ),
}

function words(text: string): string[] {
  return text.split(/\s+/)
}
