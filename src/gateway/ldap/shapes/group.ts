import type { Group } from '../../../directory/group.ts'
import type { Entry } from '../../../directory/query.ts'
import { isShown, takesPart } from '../viewer.ts'
import { encodeMemberOf, hasVisibleGroup, visibleGroups } from './person.ts'
import {
  classes,
  commonAttributes,
  encodeElements,
  encodeValues,
  fixed,
  live,
  type Shape,
  type ShapeContext,
} from './shape.ts'

const OBJECT_CLASSES = classes('groupOfNames', 'posixGroup')

/**
 * groupOfNames and posixGroup in one entry, so that a client may follow either schema: `member` has
 * the direct members, groups among them; `memberUid`, which knows no nesting, everybody inside.
 */
export const groupShape: Shape<Group> = {
  kind: 'group',
  objectClasses: OBJECT_CLASSES,
  attributes: [
    fixed('objectClass', () => OBJECT_CLASSES),
    fixed('cn', ({ name }) => name),
    fixed('gidNumber', ({ gidNumber }) => gidNumber),
    fixed('description', ({ description, displayName, name }) => {
      return description ?? (displayName === name ? null : displayName)
    }),
    live('member', memberNames, { encode: encodeMembers, isPresent: hasMember }),
    live('memberUid', memberUids, { encode: encodeMemberUids, isPresent: hasMemberUid }),
    live(
      'memberOf',
      (entry, context) => {
        return visibleGroups(entry, context).map(({ value }) => context.tree.dnOf(value))
      },
      { encode: encodeMemberOf, isPresent: hasVisibleGroup },
    ),
    ...commonAttributes<Group>('groupOfNames'),
  ],
}

function* members(
  numbers: Iterable<number>,
  { directory, viewer }: ShapeContext,
): Generator<Entry, void, void> {
  for (const no of numbers) {
    const member = directory.entry(no)
    if (member === null || !isShown(member) || !takesPart(member)) continue
    if (viewer.seesAll || viewer.names(member)) yield member
  }
}

function memberNames(entry: Entry<Group>, context: ShapeContext): string[] {
  const direct = members(context.directory.directMembers(entry.no), context)
  return Array.from(direct, ({ value }) => context.tree.dnOf(value))
}

function encodeMembers(entry: Entry<Group>, context: ShapeContext): Buffer | null {
  const direct = members(context.directory.directMembers(entry.no), context)
  const elements = Array.from(direct, (member) => context.names.elementOf(member))
  return elements.length === 0 ? null : encodeElements('member', elements)
}

function hasMember(entry: Entry<Group>, context: ShapeContext): boolean {
  return !members(context.directory.directMembers(entry.no), context).next().done
}

function* usernames(entry: Entry<Group>, context: ShapeContext): Generator<string, void, void> {
  for (const { value } of members(context.directory.allMembers(entry.no), context)) {
    if (value.kind === 'person') yield value.username
  }
}

function memberUids(entry: Entry<Group>, context: ShapeContext): string[] {
  return [...usernames(entry, context)]
}

function encodeMemberUids(entry: Entry<Group>, context: ShapeContext): Buffer | null {
  const names = memberUids(entry, context)
  return names.length === 0 ? null : encodeValues('memberUid', names)
}

function hasMemberUid(entry: Entry<Group>, context: ShapeContext): boolean {
  return !usernames(entry, context).next().done
}
