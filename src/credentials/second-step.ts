import { decide, type Resource } from '../access/decide.ts'
import { type Directory, entryNow } from '../directory/directory.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { SecondFactorRule } from '../directory/network.ts'
import type { Person } from '../directory/person.ts'
import type { Entry } from '../directory/query.ts'
import type { AuthEventSink } from '../observe/auth-event.ts'
import type {
  Attempt,
  Authenticator,
  Caller,
  Circumstances,
  Outcome,
  Proved,
  ShownPassword,
} from './authenticate.ts'
import type { CredentialIndex } from './credential-index.ts'
import type { SecondFactors } from './second-factors.ts'

/** A code of an authenticator app, as it stands behind a password. */
const APPENDED_CODE = /^\d{6}$/
const CODE_BYTES = 6

interface Parts {
  readonly authenticator: Authenticator
  readonly factors: () => Pick<SecondFactors, 'check'>
  readonly directory: Directory
  readonly credentials: Pick<CredentialIndex, 'candidatesFor'>
  readonly events: AuthEventSink
  readonly nowMs?: () => number
}

/**
 * The way in with a password where a network asks for a one-time code as well. A device that was let
 * in before is asked like any other.
 */
export class SecondStep implements Authenticator {
  readonly #parts: Parts
  readonly #nowMs: () => number

  constructor(parts: Parts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? Date.now
  }

  /** Of a network that challenges, {@link begin} and {@link finish} are the way in, and this is none. */
  authenticate(attempt: Attempt, caller: Caller): Outcome | Promise<Outcome> {
    switch (ruleOf(attempt)) {
      case null:
        return this.#parts.authenticator.authenticate(attempt, caller)
      case 'appended':
        return this.#withAppended(attempt, caller)
      default:
        throw new Error('a password alone was taken for a network that challenges')
    }
  }

  /** The password, before the code; a yes lets nobody in yet. */
  begin(attempt: Attempt, caller: Caller): Outcome | Promise<Outcome> {
    return this.#parts.authenticator.authenticate({ ...attempt, isFirstStep: true }, caller)
  }

  /** @param code as it was typed; a recovery code is as good as one of the app's */
  async finish(proved: Proved, code: string, at: Circumstances): Promise<Outcome> {
    const { who, credentialId, password } = proved
    // Only people have codes; a service gets into no network, and a guest into none that asks for one.
    if (!isPerson(who)) return { ok: false, denial: 'no-factor' }
    const checked = await this.#parts.factors().check(who.value, code, {
      address: at.address,
      network: {
        name: nameOf(at),
        method: at.method,
        device: at.device,
        detail: at.detail ?? null,
      },
    })
    if (!checked.ok) return { ok: false, denial: checked.why }
    const outcome = this.#decide(who, password, at)
    return outcome.ok && credentialId !== undefined ? { ...outcome, credentialId } : outcome
  }

  async #withAppended(attempt: Attempt, caller: Caller): Promise<Outcome> {
    const { password, code } = split(attempt.password)
    const first = await this.begin({ ...attempt, password }, caller)
    return first.ok ? await this.finish(first, code, attempt) : first
  }

  /** While she looked for her phone, anything may have changed. */
  #decide(before: Entry<Person>, shown: ShownPassword | undefined, at: Circumstances): Outcome {
    const { directory, events } = this.#parts
    const who = entryNow(directory, { id: before.value.id, no: before.no })
    const decision = this.#isInForce(before.value.id, shown)
      ? decideNow(directory, who, at.resource)
      : ({ ok: false, denial: 'credential-changed' } as const)
    if (decision.ok) return { ok: true, who: who as Entry<Person>, grant: decision.grant }
    events.record({
      atMs: this.#nowMs(),
      outcome: 'denied',
      reason: decision.denial,
      resourceKind: at.resource.kind,
      resourceName: nameOf(at),
      method: at.method,
      principalId: before.value.id,
      name: before.value.username,
      address: at.address,
      device: at.device,
      detail: at.detail ?? null,
    })
    return decision
  }

  /** Of a password that is kept elsewhere nobody here hears that it was changed. */
  #isInForce(id: PrincipalId, shown: ShownPassword | undefined): boolean {
    if (shown === undefined) return true
    const { primary, generated } = this.#parts.credentials.candidatesFor(id)
    const now = [primary, ...generated].find((held) => held?.id === shown.id) ?? null
    if (now === null || now.createdAtMs !== shown.createdAtMs) return false
    return now.expiresAtMs === null || now.expiresAtMs > this.#nowMs()
  }
}

function decideNow(directory: Directory, who: Entry | null, resource: Resource) {
  return who === null
    ? ({ ok: false, denial: 'deleted' } as const)
    : decide(directory, who, resource)
}

function ruleOf({ resource }: Circumstances): SecondFactorRule | null {
  return resource.kind === 'network' ? (resource.network.secondFactor ?? null) : null
}

function nameOf({ resource }: Circumstances): string {
  return resource.kind === 'network' ? resource.network.name : resource.kind
}

function isPerson(entry: Proved['who']): entry is Entry<Person> {
  return entry.value.kind === 'person'
}

/** The same bytes in two parts; without six digits at the end, all of it is password. */
function split(typed: Buffer): { readonly password: Buffer; readonly code: string } {
  const at = typed.length - CODE_BYTES
  const code = at < 0 ? '' : typed.toString('latin1', at)
  return APPENDED_CODE.test(code)
    ? { password: typed.subarray(0, at), code }
    : { password: typed, code: '' }
}
