import type { EditableAttribute } from '../directory/attributes.ts'
import { isLicenceWrite, type LicenceAttribute, type LicenceWrite } from './licence.ts'
import { isMemberWrite, type MemberAttribute, type MemberWrite } from './membership.ts'

export type { MemberAttribute, MemberWrite } from './membership.ts'

/** What is written as a text: attributes, and her manager by the target's id of him. */
export type TextAttribute = EditableAttribute | 'manager'

/** What we have a say in at a target. */
export type Attribute =
  | 'enabled'
  | 'sessions-ended'
  | TextAttribute
  | MemberAttribute
  | LicenceAttribute

export type PushedValue = boolean | number | string | null

/**
 * One value to be written: whether the account may be used, that sessions begun before that moment
 * (ms since 1970) end, or an attribute of the person; null clears it.
 */
export type Write =
  | { readonly attribute: 'enabled'; readonly value: boolean }
  | { readonly attribute: 'sessions-ended'; readonly value: number }
  | TextWrite
  | MemberWrite
  | LicenceWrite

export type TextWrite =
  | { readonly attribute: EditableAttribute; readonly value: string | null }
  | { readonly attribute: 'manager'; readonly value: string | null }

/** What a target holds of an object now; null where it does not say. */
export interface Held {
  readonly enabled: boolean | null
  readonly sessionsEndedMs: number | null
  readonly attributes: { readonly [K in TextAttribute]?: string | null }
  /** Whether she belongs to the group that was asked about; absent when none was. */
  readonly isMember?: boolean
  /** Whether she has the licence that was asked about; absent when none was. */
  readonly hasLicence?: boolean
}

/** Why a target will not take a value; each has its own mend. */
export type Refusal =
  /** A directory behind the target is master of the object. */
  | 'on-premises'
  /** Our application lacks a permission, or a role for this person. */
  | 'not-allowed'
  | 'gone'
  | 'policy'

export type WriteAnswer =
  | { readonly kind: 'written' }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly message: string }
  /** Not carried out: to be asked again, no sooner than that. */
  | { readonly kind: 'later'; readonly afterMs: number | null; readonly reason: string }

/** Whether `held` is what `write` wants. */
export function isMet(write: Write, held: Held): boolean {
  if (write.attribute === 'enabled') return held.enabled === write.value
  if (write.attribute === 'sessions-ended') {
    return held.sessionsEndedMs !== null && held.sessionsEndedMs >= write.value
  }
  if (isMemberWrite(write)) return held.isMember === write.value
  if (isLicenceWrite(write)) return held.hasLicence === write.value
  return (held.attributes[write.attribute] ?? null) === write.value
}

/** A place that takes what we decide about people. */
export interface Target {
  /**
   * Null when there is no such object. Rejects when there was no answer.
   *
   * @param about what is of interest; whether she belongs to a group, or has a licence, is told of that one alone
   */
  read(externalId: string, signal: AbortSignal, about?: Attribute): Promise<Held | null>
  /**
   * Sent once. Rejects when nobody can tell whether it was carried out: what became of it, only a
   * {@link read} says.
   */
  write(externalId: string, write: Write, signal: AbortSignal): Promise<WriteAnswer>
}
