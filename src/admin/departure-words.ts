import type { Departure, DepartureOutlook } from '../sources/departure.ts'

/** What a disconnection would do, in sentences for whoever has to decide; both API and CLI say them. */
export function departureLines(
  source: string,
  people: Departure,
  outlook: DepartureOutlook,
): readonly string[] {
  const { groups, heldByIt, pendingPushes, disabledThere, waitingRemovals } = outlook
  return [
    ...peopleLines(source, people, outlook),
    ...lineIf(heldByIt, `${heldByIt} held as ${source} has disabled them: held by admins instead`),
    ...lineIf(groups, `${groups} groups stay with their members, and are changed here`),
    ...forgotten(outlook),
    ...lineIf(waitingRemovals, `${waitingRemovals} removals that wait are not carried out`),
    ...lineIf(
      pendingPushes,
      `what is still to be written to ${source} about ${pendingPushes} people never will be`,
    ),
    ...lineIf(
      disabledThere,
      `${disabledThere} accounts that were disabled there from here stay disabled there`,
    ),
    `nothing is written to ${source} any more; its app registration stays there until you remove it`,
    'credentials are forgotten; the same tenant, connected again, finds the same people',
  ]
}

function peopleLines(
  source: string,
  people: Departure,
  outlook: DepartureOutlook,
): readonly string[] {
  const { affected, names, protectedNames, linkedOnly, withoutPassword } = outlook
  const whom = affected === 0 ? '0 people' : `${affected} people (${shortened(names, affected)})`
  const become: Readonly<Record<Departure, string>> = {
    keep: `${affected + protectedNames.length} people of ${source} stay as they are, and are changed here from then on`,
    suspend: `${whom} are suspended`,
    delete: `${whom} are deleted; for 30 days they can be restored`,
  }
  const stay = protectedNames.join(', ')
  return [
    become[people],
    ...lineIf(
      people === 'keep' ? 0 : protectedNames.length,
      `protected, and so left as they are: ${stay}`,
    ),
    ...lineIf(
      linkedOnly,
      `${linkedOnly} people whom another source knows, or who were here before, lose the link alone`,
    ),
    ...lineIf(
      people === 'keep' ? withoutPassword : 0,
      `${withoutPassword} of them have no password here, and cannot sign in with one until they do`,
    ),
  ]
}

function forgotten({ candidates, rules }: DepartureOutlook): readonly string[] {
  return [
    ...lineIf(candidates, `${candidates} candidates who were not imported are forgotten`),
    ...lineIf(rules, `${rules} import rules are forgotten`),
  ]
}

function shortened(names: readonly string[], of: number): string {
  const more = of - names.length
  return names.join(', ') + (more > 0 ? `, and ${more} more` : '')
}

function lineIf(count: number, line: string): readonly string[] {
  return count === 0 ? [] : [line]
}
