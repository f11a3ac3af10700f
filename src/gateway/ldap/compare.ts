import {
  type CompareRequest,
  compileFilter,
  type Filter,
  filterAttribute,
  type Outcome,
  ResultCode,
} from '../../../protocols/ldap/index.ts'
import type { Entry } from '../../directory/query.ts'
import { noSuchObject, result } from './result.ts'
import type { SearchPlan } from './search.ts'
import { planSearch } from './search-plan.ts'
import type { SearchContext } from './serving.ts'
import { syntheticValues } from './synthetic.ts'
import type { Target } from './tree.ts'

/**
 * Compares as the equality filter does (RFC 4511 §4.10), which makes it as quick in a group of
 * 10,000 as in one of ten.
 */
export function compare(request: CompareRequest, target: Target, context: SearchContext): Outcome {
  const { attribute, value } = request
  const asked = planSearch(
    target,
    baseSearch({ kind: 'equal', attribute, value }, request.entry),
    context,
  )
  if ('refusal' in asked) return asked.refusal
  const type = filterAttribute(attribute)
  if (type === null) return result(ResultCode.undefinedAttributeType, '')
  if (type.equality === null) return result(ResultCode.inappropriateMatching, '')
  if (isTrue(asked, { kind: 'equal', attribute, value }, context)) {
    return result(ResultCode.compareTrue, '')
  }
  const present: Filter = { kind: 'present', attribute }
  const held = planSearch(target, baseSearch(present, request.entry), context)
  if ('refusal' in held) return noSuchObject('')
  return result(
    isTrue(held, present, context) ? ResultCode.compareFalse : ResultCode.noSuchAttribute,
    '',
  )
}

function baseSearch(filter: Filter, baseObject: string) {
  return {
    kind: 'searchRequest' as const,
    baseObject,
    scope: 'base' as const,
    derefAliases: 0,
    sizeLimit: 1,
    timeLimit: 0,
    typesOnly: false,
    filter,
    attributes: [],
  }
}

function isTrue(plan: SearchPlan, filter: Filter, { directory }: SearchContext): boolean {
  const matches = compileFilter(filter)
  if (plan.first.some((entry) => matches(syntheticValues(entry)) === true)) return true
  if (plan.query === null) return false
  const [found] = directory.search(plan.query) as Iterable<Entry>
  return found !== undefined
}
