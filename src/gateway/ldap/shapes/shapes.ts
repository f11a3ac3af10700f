import type { AttributeType, AttributeValues } from '../../../../protocols/ldap/index.ts'
import type { Entry, EntryKind, EntryValue } from '../../../directory/query.ts'
import { groupShape } from './group.ts'
import { personShape } from './person.ts'
import { serviceShape } from './service.ts'
import type { Shape, ShapeAttribute, ShapeContext } from './shape.ts'

// A shape only ever meets entries of its own kind: both are looked up by it.
export const shapes: Readonly<Record<EntryKind, Shape>> = {
  person: personShape as unknown as Shape,
  group: groupShape as unknown as Shape,
  service: serviceShape as unknown as Shape,
}

const byType: Readonly<Record<EntryKind, ReadonlyMap<AttributeType, ShapeAttribute<EntryValue>>>> =
  {
    person: indexOf(shapes.person),
    group: indexOf(shapes.group),
    service: indexOf(shapes.service),
  }

function indexOf(shape: Shape): ReadonlyMap<AttributeType, ShapeAttribute<EntryValue>> {
  return new Map(shape.attributes.map((attribute) => [attribute.type, attribute]))
}

export function findShapeAttribute(
  kind: EntryKind,
  type: AttributeType,
): ShapeAttribute<EntryValue> | null {
  return byType[kind].get(type) ?? null
}

/** Whether the entry shows any value of the attribute, found out without making them all. */
export function isPresent(entry: Entry, type: AttributeType, context: ShapeContext): boolean {
  const attribute = findShapeAttribute(entry.value.kind, type)
  if (attribute === null) return false
  if (attribute.isFixed) return attribute.values(entry.value, context.tree).length > 0
  return attribute.isPresent?.(entry, context) ?? attribute.values(entry, context).length > 0
}

/** An entry's values, for a filter that no index answers. */
export function valuesOf(entry: Entry, context: ShapeContext): AttributeValues {
  return (type) => {
    const attribute = findShapeAttribute(entry.value.kind, type)
    if (attribute === null) return []
    return attribute.isFixed
      ? attribute.values(entry.value, context.tree)
      : attribute.values(entry, context)
  }
}
