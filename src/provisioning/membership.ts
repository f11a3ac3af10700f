/** Whether she belongs to a group, by the target's id of it. */
export type MemberAttribute = `member:${string}`

export interface MemberWrite {
  readonly attribute: MemberAttribute
  readonly value: boolean
}

const PREFIX = 'member:'

/** The attribute of a person that says whether she belongs to a group, by the target's id of it. */
export function memberAttribute(groupExternalId: string): MemberAttribute {
  return `${PREFIX}${groupExternalId}`
}

/** The target's id of the group an attribute is about; null for any other attribute. */
export function groupOf(attribute: string): string | null {
  return attribute.startsWith(PREFIX) ? attribute.slice(PREFIX.length) : null
}

export function isMemberWrite(write: { readonly attribute: string }): write is MemberWrite {
  return groupOf(write.attribute) !== null
}

/** What a source has told of a group, in so far as it says who may change its members. */
export interface GroupFacts {
  readonly isDynamic?: boolean | null
  readonly isUnified?: boolean | null
  readonly isMailEnabled?: boolean | null
  readonly isSyncedFromOnPremises?: boolean | null
  readonly isRoleAssignable?: boolean | null
}

/** Why the members of a group cannot be written there, with the mend; null when they can. */
export function refusalOfGroup(facts: GroupFacts): string | null {
  if (facts.isDynamic === true)
    return 'policy: a rule in the tenant makes its members: change the rule there'
  if (facts.isSyncedFromOnPremises === true)
    return 'on-premises: the group comes from Active Directory on premises: change it there'
  if (facts.isMailEnabled === true && facts.isUnified !== true)
    return 'policy: distribution lists and mail-enabled security groups are Exchange’s: change it there'
  if (facts.isRoleAssignable === true)
    return 'policy: the group gives roles in the tenant: whoever administers roles changes it there'
  return null
}
