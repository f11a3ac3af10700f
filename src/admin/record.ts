import type { PrincipalId } from '../directory/id.ts'
import type { AdminParts, LoggedAnswer, LoggedChange, PushStatus } from './parts.ts'

/** One thing that happened to a person, or that she tried, in words. */
export interface RecordStep {
  readonly at: string
  readonly what: string
  readonly by: string | null
  readonly why: string | null
}

export interface PersonRecord {
  /** The oldest first. */
  readonly steps: readonly RecordStep[]
  /** What is yet to be written elsewhere, and why it is not yet. */
  readonly waiting: readonly string[]
}

/** All that is known of a person's recent past: decisions, what was written elsewhere, and answers. */
export async function readRecord(
  { log, sources }: Pick<AdminParts, 'log' | 'sources'>,
  id: PrincipalId,
  limit: number,
): Promise<PersonRecord> {
  const [changes, answers, known, pushes] = await Promise.all([
    log.changes({ entity: id, sinceMs: null, limit }),
    log.answers({ principalId: id, limit }),
    sources.list(),
    sources.pushesOf(id),
  ])
  const nameOf = new Map(known.map((source) => [source.id, source.name]))
  const steps = [...changes.map((change) => tellChange(change, nameOf)), ...answers.map(tellAnswer)]
  steps.sort((a, b) => (a.at < b.at ? -1 : 1))
  return { steps: steps.slice(-limit), waiting: pushes.flatMap(tellWaiting) }
}

type Names = ReadonlyMap<string, string>
type Detail = Readonly<Record<string, unknown>>

function tellChange({ at, kind, actor, reason, detail }: LoggedChange, names: Names): RecordStep {
  const by = actor === null ? null : nameSources(actor, names)
  const told = detail ?? {}
  switch (kind) {
    case 'source.pushed':
      return { at, what: tellPush(told, names), by, why: reason }
    case 'source.push-refused':
      return {
        at,
        what: `not taken: ${tellPush(told, names)}`,
        by,
        why: text(told['reason']) ?? reason,
      }
    case 'person':
      return { at, what: tellPerson(told, names), by, why: reason }
    case 'credential':
      return { at, what: 'credential changed', by, why: reason }
    default:
      return { at, what: kind.replace(/^admin\./, '').replaceAll(/[.-]/g, ' '), by, why: reason }
  }
}

function tellPush(detail: Detail, names: Names): string {
  const source = names.get(String(detail['source'])) ?? 'a source'
  switch (detail['attribute']) {
    case 'enabled':
      return `account at ${source} ${detail['value'] === true ? 'enabled' : 'disabled'}`
    case 'sessions-ended':
      return `sessions at ${source} ended`
    default:
      return `${String(detail['attribute'])} written at ${source}`
  }
}

/** Changes are told as `{ before, after }` of all names, or as that for each name. */
function tellPerson(detail: Detail, names: Names): string {
  const pairs = isPair(detail) ? byName(detail) : Object.entries(detail)
  const told = pairs.map(([name, pair]) => tellValue(name, pair as Pair, names))
  return told.length === 0 ? 'changed' : told.join('; ')
}

interface Pair {
  readonly before?: unknown
  readonly after?: unknown
}

function isPair(detail: Detail): boolean {
  return typeof detail['before'] === 'object' && typeof detail['after'] === 'object'
}

function byName({ before, after }: Detail): [string, Pair][] {
  const [from, to] = [before as Detail, after as Detail]
  return Object.keys(to).map((name) => [name, { before: from[name], after: to[name] }])
}

const LIFECYCLES: Readonly<Record<string, string>> = {
  'staged active': 'activated',
  'staged deleted': 'deleted',
  'active deleted': 'deleted',
  'deleted staged': 'restored',
  'deleted active': 'restored',
}

function tellValue(name: string, { before, after }: Pair, names: Names): string {
  if (name === 'lifecycle') return LIFECYCLES[`${before} ${after}`] ?? `now ${after}`
  if (name !== 'hold') return `${name}: ${text(before) ?? 'nothing'} → ${text(after) ?? 'nothing'}`
  const hold = nameSources(String(after ?? before), names)
  return after === null ? `hold of ${hold} lifted` : `suspended (${hold})`
}

function tellAnswer({ at, lastAt, count, ...answer }: LoggedAnswer): RecordStep {
  const from = answer.device ?? answer.address
  const times = count > 1 ? `, ${count} times until ${lastAt}` : ''
  const done = answer.outcome === 'success' ? 'let in' : answer.outcome
  const what = `${done}: ${answer.resource} by ${answer.method} from ${from}${times}`
  return { at, what, by: null, why: answer.reason }
}

function tellWaiting({ source, attribute, wanted, status, reason }: PushStatus): string[] {
  if (status === 'written') return []
  return [`${attribute} = ${wanted} at ${source}: ${reason ?? status}`]
}

function nameSources(actor: string, names: Names): string {
  const id = /^source:(.+)$/.exec(actor)?.[1]
  return id === undefined ? actor : (names.get(id) ?? actor)
}

function text(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value)
}
