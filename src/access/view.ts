import type { Directory } from '../directory/directory.ts'
import type { Entry } from '../directory/query.ts'
import type { View } from '../directory/service.ts'

/**
 * Whether `view` shows `entry`. People are seen through the groups they belong to; a group is seen
 * when the view names it or it is nested in one that is named. Services see no one another.
 */
export function sees(directory: Directory, view: View, entry: Entry): boolean {
  if (entry.value.kind === 'service') return false
  if (view.sees === 'all') return true
  for (const id of view.groupIds) {
    if (entry.value.id === id) return true
    const group = directory.entryById(id)
    if (group !== null && directory.isMember(group.no, entry.no)) return true
  }
  return false
}
