import type { Answer, Request } from '../http/exchange.ts'
import type { GraphContext } from './context.ts'

/** A call this simulator answers. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** Lower case; `{id}` stands for one segment. */
  readonly template: string
  /** Template whose permissions apply, where the published table has no entry of its own. */
  readonly permissionTemplate: string
  /** Resource units before `$select`, `$expand` and `$top` are counted in. */
  readonly units: number
  /** Counted against the write quota, too. */
  readonly isWrite: boolean
  /** Delegated permissions that allow it to a person; none for most calls. */
  readonly delegated?: readonly string[]
  /** Application permissions that allow it, where the published table says nothing of it. */
  readonly permissions?: readonly string[]
  /** Needs no permission of an application that does it to itself; others are the answer's to refuse. */
  readonly isForItself?: boolean
  answer(request: Request, context: GraphContext, key: string): Answer | Promise<Answer>
}
