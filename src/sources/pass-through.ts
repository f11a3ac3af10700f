import type {
  DelegatedAnswer,
  DelegatedPasswords,
  Delegation,
  Note,
} from '../credentials/delegated-password.ts'
import type { Directory } from '../directory/directory.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import type { Entry } from '../directory/query.ts'
import type { Service } from '../lifecycle.ts'
import { Circuit } from './circuit.ts'
import { type PasswordAnswer, PasswordCheck } from './microsoft365/password-check.ts'
import { parseConfig } from './microsoft365/settings.ts'
import { readSecretOf } from './microsoft365/stored-secret.ts'
import type { SourceRegistry, StoredSource } from './registry.ts'

/** A setting changed through another daemon is found so soon. */
const REFRESH_MS = 5_000
/** Entra takes passwords of up to 256 characters; a longer one is right nowhere. */
const MAX_CHARACTERS = 256
const GUEST = 'a guest: her own tenant has her password'

/** Who a person is at a source. */
export interface SourceAccount {
  readonly externalId: string
  readonly userPrincipalName: string | null
  readonly isGuest: boolean
}

export interface SourceAccounts {
  /** Null when the source does not, or no longer, know her. @throws {DirectoryError} */
  find(sourceId: string, principalId: PrincipalId): Promise<SourceAccount | null>
  /** The source has said that the account is disabled: sets its hold at once. */
  disable(sourceId: string, principalId: PrincipalId): Promise<void>
}

/** What stands in the way of all, or of many, and what to do about it. */
export interface PassThroughProblem {
  readonly error: string
  readonly nextStep: string
}

/** One attempt that was sent, for the metrics and the log; no names. */
export interface Forwarded {
  readonly source: string
  readonly outcome: string
  readonly code: number | null
  readonly alert: string | null
}

export interface PassThroughParts {
  readonly registry: Pick<SourceRegistry, 'list' | 'readSecret' | 'tokenFiles'>
  readonly accounts: SourceAccounts
  readonly directory: Directory
  readonly onForwarded?: (forwarded: Forwarded) => void
  readonly onFault?: (error: unknown) => void
  readonly nowMs?: () => number
}

interface Opened {
  readonly revision: string
  readonly delegation: Delegation
  readonly groupIds: readonly string[]
  readonly check: PasswordCheck
  readonly circuit: Circuit
  problem: PassThroughProblem | null
  /** Somebody's password was found right since it was opened, so the application may ask. */
  hasLetIn: boolean
}

/** Passwords of chosen groups, checked where their members come from. */
export class PassThrough implements DelegatedPasswords, Service {
  readonly name = 'pass-through'
  readonly #parts: PassThroughParts
  readonly #nowMs: () => number
  readonly #opened = new Map<string, Opened>()
  #refreshing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null

  constructor(parts: PassThroughParts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? Date.now
  }

  /** Knows whose passwords are checked elsewhere before the first is asked for. */
  async start(): Promise<void> {
    await this.refresh()
    this.#timer = setInterval(() => {
      this.refresh().catch((error: unknown) => this.#parts.onFault?.(error))
    }, REFRESH_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    await this.#refreshing.catch(() => undefined)
  }

  /** Follows what admins have set. While the database cannot say, what was set before stays. */
  refresh(): Promise<void> {
    this.#refreshing = this.#refreshing.catch(() => undefined).then(() => this.#refresh())
    return this.#refreshing
  }

  find(person: Entry<Person>): Delegation | null {
    if (this.#opened.size === 0) return null
    for (const { delegation, groupIds } of this.#opened.values()) {
      if (groupIds.some((id) => this.#isMember(id, person.no))) return delegation
    }
    return null
  }

  /** What is wrong with a source's pass-through; null when nothing is known to be. */
  problemOf(sourceId: string): PassThroughProblem | null {
    return this.#opened.get(sourceId)?.problem ?? null
  }

  async check(
    asked: Parameters<DelegatedPasswords['check']>[0],
    signal: AbortSignal,
  ): Promise<DelegatedAnswer> {
    const { delegation, principalId } = asked
    const note = { source: delegation.sourceName }
    const opened = this.#opened.get(delegation.sourceId)
    if (opened === undefined) return unavailable('source-unavailable', note)
    const open = opened.circuit.find()
    if (open?.why === 'misconfigured') {
      return unavailable('source-misconfigured', withCode(note, open.code))
    }
    if (open !== null) return unavailable('source-unavailable', note)
    const account = await this.#accountOf(delegation, principalId)
    if (account === undefined) return unavailable('stale', note)
    if (account === null) return { kind: 'not-theirs' }
    if (account.isGuest) return refuse('source-unsupported', { ...note, why: GUEST })
    const { externalId, userPrincipalName } = account
    if (userPrincipalName === null) return refuse('source-unknown', { ...note, why: 'no UPN' })
    // Not before it is known that she is theirs: a password kept here may well begin with a space.
    const why = whyImpossible(asked.password.toString('utf8'))
    if (why !== null) return { kind: 'impossible', note: { ...note, why } }
    const answer = await this.#send(opened, { principalId, signal }, () =>
      opened.check.check({ externalId, userPrincipalName }, asked.password, signal),
    )
    return this.#judge(opened, principalId, ofHerAlone(opened, answer))
  }

  async #refresh(): Promise<void> {
    const found = new Map((await this.#parts.registry.list()).map((each) => [each.id, each]))
    for (const [id, { revision }] of this.#opened) {
      if (found.get(id)?.revision !== revision) await this.#reopen(id, found.get(id))
    }
    for (const [id, source] of found) if (!this.#opened.has(id)) await this.#reopen(id, source)
  }

  async #reopen(id: string, source: StoredSource | undefined): Promise<void> {
    const passThrough =
      source?.kind === 'microsoft365' ? parseConfig(source.config).passThrough : null
    if (source === undefined || passThrough === null) {
      this.#opened.delete(id)
      return
    }
    const { groupIds, rememberHours } = passThrough
    const config = parseConfig(source.config)
    const secret = await readSecretOf(this.#parts.registry, source)
    this.#opened.set(id, {
      revision: source.revision,
      delegation: {
        sourceId: id,
        sourceName: source.name,
        rememberMs: rememberHours * 60 * 60_000,
      },
      groupIds,
      check: new PasswordCheck({ config, secret }),
      circuit: new Circuit(this.#nowMs),
      problem: null,
      hasLetIn: false,
    })
  }

  #isMember(groupId: string, no: number): boolean {
    const group = this.#parts.directory.entryById(groupId)
    return group?.value.kind === 'group' && this.#parts.directory.isMember(group.no, no)
  }

  /** Undefined when the database does not say. */
  async #accountOf(
    { sourceId }: Delegation,
    principalId: PrincipalId,
  ): Promise<SourceAccount | null | undefined> {
    try {
      return await this.#parts.accounts.find(sourceId, principalId)
    } catch (error) {
      this.#parts.onFault?.(error)
      return undefined
    }
  }

  async #send(
    { circuit }: Opened,
    { principalId, signal }: { readonly principalId: PrincipalId; readonly signal: AbortSignal },
    send: () => Promise<PasswordAnswer>,
  ): Promise<PasswordAnswer> {
    try {
      return await send()
    } catch (error) {
      // A caller who has hung up says nothing about the source; one who waited to the end does.
      if (isTimeout(signal.reason)) circuit.unanswered(principalId)
      throw error
    }
  }

  async #judge(
    opened: Opened,
    principalId: PrincipalId,
    answer: PasswordAnswer,
  ): Promise<DelegatedAnswer> {
    const { circuit, delegation } = opened
    const code = 'code' in answer ? answer.code : null
    const note = withCode({ source: delegation.sourceName }, code)
    if (answer.kind === 'transient' && code === null && answer.retryAfterMs === 0) {
      circuit.unanswered(principalId)
    } else if (answer.kind === 'misconfigured') circuit.misconfigured(code)
    else circuit.answered()
    if (answer.kind === 'right') opened.hasLetIn = true
    this.#tell(opened, answer, code)
    switch (answer.kind) {
      case 'right':
      case 'wrong':
        return { kind: answer.kind, note }
      case 'foreign':
        return refuse('source-foreign-token', { ...note, why: answer.why })
      case 'misconfigured':
        return unavailable('source-misconfigured', note)
      case 'transient':
        return unavailable('source-unavailable', note, answer.retryAfterMs)
      default:
        if (answer.disables) await this.#disable(delegation, principalId)
        return { kind: 'refused', denial: answer.denial, note, ...pick(answer) }
    }
  }

  /** Whether or not that can be written now: the answer is no, and the next round says it again. */
  async #disable({ sourceId }: Delegation, principalId: PrincipalId): Promise<void> {
    await this.#parts.accounts
      .disable(sourceId, principalId)
      .catch((error: unknown) => this.#parts.onFault?.(error))
  }

  #tell(opened: Opened, answer: PasswordAnswer, code: number | null): void {
    const alert = alertOf(answer)
    const name = code === null ? '' : ` (AADSTS${code})`
    if (answer.kind === 'misconfigured') {
      const error = `no password can be checked${name}`
      opened.problem = { error, nextStep: answer.nextStep }
    } else if (alert !== null) {
      opened.problem = { error: `a password check was refused${name}`, nextStep: alert }
    } else if (answer.kind === 'right') opened.problem = null
    this.#parts.onForwarded?.({
      source: opened.delegation.sourceName,
      outcome: answer.kind === 'refused' ? answer.denial : answer.kind,
      code,
      alert: answer.kind === 'misconfigured' ? answer.nextStep : alert,
    })
  }
}

function alertOf(answer: PasswordAnswer): string | null {
  if (answer.kind === 'refused') return answer.alert
  if (answer.kind !== 'foreign') return null
  return `Entra said yes with a token that is not about the one who asked: ${answer.why}`
}

function pick({ coolDownMs, forgets }: Extract<PasswordAnswer, { kind: 'refused' }>) {
  return { coolDownMs, forgets }
}

/** Where others were let in, what may concern all or one concerns one. */
function ofHerAlone({ hasLetIn }: Opened, answer: PasswordAnswer): PasswordAnswer {
  if (!hasLetIn || answer.kind !== 'misconfigured' || answer.ofOne === null) return answer
  const { code, retryAfterMs } = answer
  return { ...answer.ofOne, code, retryAfterMs }
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError'
}

/** What Entra takes from nobody by this way, and so is not told. */
function whyImpossible(password: string): string | null {
  if (password.trim() !== password) return 'a password that begins or ends with a space'
  return password.length > MAX_CHARACTERS ? 'a password of more than 256 characters' : null
}

function withCode(note: Note, code: number | null): Note {
  return code === null ? note : { ...note, code: `AADSTS${code}` }
}

function refuse(
  denial: Extract<DelegatedAnswer, { kind: 'refused' }>['denial'],
  note: Note,
): DelegatedAnswer {
  return { kind: 'refused', denial, note, coolDownMs: 0, forgets: true }
}

function unavailable(
  reason: Extract<DelegatedAnswer, { kind: 'unavailable' }>['reason'],
  note: Note,
  coolDownMs = 0,
): DelegatedAnswer {
  return { kind: 'unavailable', reason, note, coolDownMs }
}
