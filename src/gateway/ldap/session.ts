import {
  type Answer,
  type BindRequest,
  type CompareRequest,
  decodePagedResults,
  type EntryWriter,
  type ExtendedOutcome,
  type ExtendedRequest,
  LdapError,
  type LdapOperation,
  type LdapPeer,
  type LdapSession,
  Oid,
  type Outcome,
  type PagedResults,
  ResultCode,
  type SearchRequest,
} from '../../../protocols/ldap/index.ts'
import type { Outcome as Authentication } from '../../credentials/authenticate.ts'
import { canSignIn } from '../../directory/hold.ts'
import type { PrincipalId } from '../../directory/id.ts'
import type { Service } from '../../directory/service.ts'
import { answerAtOnce, answerFault, answerOf, attemptOf, subjectOf } from './bind.ts'
import { compare } from './compare.ts'
import { LookUp } from './look-up.ts'
import { result } from './result.ts'
import { rootDse, subschemaEntry } from './root-dse.ts'
import { SearchRun, searchPublic } from './search.ts'
import { planSearch } from './search-plan.ts'
import type { SearchContext, Serving } from './serving.ts'
import type { SyntheticEntry } from './synthetic.ts'
import { resolveDn, type Target } from './tree.ts'
import { anonymous, type Identity, viewerOf, viewingEntry } from './viewer.ts'

const bindFirst: Outcome = result(ResultCode.insufficientAccessRights, 'bind first')
const readOnly: Outcome = result(ResultCode.unwillingToPerform, 'this directory is read-only')

/** One LDAP connection, spoken for our directory. */
export class GatewaySession implements LdapSession {
  readonly #serving: Serving
  readonly #peer: LdapPeer
  #identity: Identity = anonymous
  /** The LDAP client that has signed in here; people who bind later do so through it. */
  #clientId: PrincipalId | null = null
  #lastContext: SearchContext | null = null
  #lookUp: LookUp | null = null

  constructor(serving: Serving, peer: LdapPeer) {
    this.#serving = serving
    this.#peer = peer
  }

  get isAuthenticated(): boolean {
    return this.#identity.kind === 'principal'
  }

  bind(request: BindRequest, operation: LdapOperation): Answer<Outcome> {
    // RFC 4513 §4: whoever was signed in is so no longer, however this bind ends.
    this.#identity = anonymous
    const { directory, authenticator } = this.#serving
    const atOnce = answerAtOnce(request, this.#peer, directory.settings)
    if (atOnce !== null) {
      // A password that came in the clear and is refused for it is one all the same.
      if (request.authentication.kind === 'simple') request.authentication.password.fill(0)
      return atOnce
    }
    const subject = subjectOf(request.name, directory, this.#serving.served?.tree ?? null)
    const attempt = attemptOf(request, { subject, client: this.#client(), peer: this.#peer })
    try {
      const answer = authenticator.authenticate(attempt, operation)
      if (!(answer instanceof Promise)) {
        attempt.password.fill(0)
        return this.#bound(answer)
      }
      return answer
        .then((authentication) => this.#bound(authentication), answerFault)
        .finally(() => attempt.password.fill(0))
    } catch (error) {
      attempt.password.fill(0)
      return answerFault(error)
    }
  }

  signOut(): void {
    this.#identity = anonymous
  }

  search(request: SearchRequest, writer: EntryWriter, operation: LdapOperation): Answer<Outcome> {
    const context = this.#context()
    if (context !== null && operation.controls.length === 0) {
      const answer = this.#lookUp?.answer(request, context, writer) ?? null
      if (answer !== null) return answer
    }
    const paged = pagedOf(operation)
    if (paged === 'malformed') return result(ResultCode.protocolError, 'malformed paged results')
    const target = this.#resolve(request.baseObject)
    if (target.is === 'subschema' || (target.is === 'root' && request.scope === 'base')) {
      const entry = target.is === 'root' ? this.#rootDse() : subschemaEntry()
      const { publicSelections } = this.#serving
      const selection = publicSelections.find(request.attributes, request.typesOnly)
      return searchPublic(entry, request, { writer, selection, isPaged: paged !== null })
    }
    if (context === null) return bindFirst
    const plan = planSearch(target, request, context)
    if ('refusal' in plan) return plan.refusal
    const selection = this.#serving.selections.find(request.attributes, request.typesOnly)
    this.#lookUp = LookUp.of({ request, target, plan, selection, context }) ?? this.#lookUp
    const isAllowed = () => this.#context()?.viewer.key === context.viewer.key
    const parts = { request, selection, context, cookies: this.#serving.cookies, paged, isAllowed }
    return new SearchRun(plan, parts, { writer, operation }).run()
  }

  compare(request: CompareRequest): Outcome {
    const context = this.#context()
    if (context === null) return bindFirst
    return compare(request, this.#resolve(request.entry), context)
  }

  update(): Outcome {
    return readOnly
  }

  extended(request: ExtendedRequest): ExtendedOutcome {
    if (request.name !== Oid.whoAmI) {
      return result(ResultCode.protocolError, 'unknown extended operation')
    }
    if (request.value !== null) return result(ResultCode.protocolError, 'WhoAmI takes no value')
    const context = this.#context()
    const name = context === null ? '' : `dn:${context.tree.dnOf(context.viewer.entry.value)}`
    return { ...result(ResultCode.success, ''), value: Buffer.from(name) }
  }

  closed(): void {
    this.#identity = anonymous
  }

  #bound(authentication: Authentication): Outcome {
    if (authentication.ok) {
      if (!('no' in authentication.who)) throw new Error('a guest came in by LDAP')
      const { value, no } = authentication.who
      this.#identity = { kind: 'principal', id: value.id, no }
      if (value.kind === 'service') this.#clientId = value.id
    }
    return answerOf(authentication)
  }

  /** The client this connection belongs to, as it is now; null once it may not be here itself. */
  #client(): Service | null {
    if (this.#clientId === null) return null
    const value = this.#serving.directory.entryById(this.#clientId)?.value
    return value?.kind === 'service' && canSignIn(value) ? value : null
  }

  #resolve(dn: string): Target {
    if (dn === '') return { is: 'root' }
    return resolveDn(dn, this.#serving.served?.tree ?? null, this.#serving.directory)
  }

  #rootDse(): SyntheticEntry {
    const { directory, served, vendorVersion, hasTls } = this.#serving
    return rootDse(directory, { tree: served?.tree ?? null, vendorVersion, hasTls: hasTls() })
  }

  /** What the identity may see just now; null when it is nobody, or may be here no longer. */
  #context(): SearchContext | null {
    const { directory, served } = this.#serving
    const entry = viewingEntry(this.#identity, directory)
    if (entry === null || served === null) return null
    const last = this.#lastContext
    if (last !== null && last.viewer.entry === entry && last.tree === served.tree) return last
    const { domain, tree, names, encoder, containers } = served
    const viewer = viewerOf(entry, directory)
    this.#lastContext = { directory, domain, tree, names, encoder, containers, viewer }
    return this.#lastContext
  }
}

function pagedOf(operation: LdapOperation): PagedResults | 'malformed' | null {
  for (const control of operation.controls) {
    if (control.type !== Oid.pagedResults) continue
    try {
      return decodePagedResults(control)
    } catch (error) {
      if (error instanceof LdapError) return 'malformed'
      throw error
    }
  }
  return null
}
