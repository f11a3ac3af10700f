import { randomBytes } from 'node:crypto'
import type { PrincipalId } from '../directory/id.ts'
import {
  type Attempted,
  authorizeUrl,
  BrowserSignIn,
  readRefusal,
  type SignInAnswer,
} from './microsoft365/browser-sign-in.ts'
import { type Microsoft365Config, parseConfig } from './microsoft365/settings.ts'
import { readSecretOf } from './microsoft365/stored-secret.ts'
import type { SourceRegistry, StoredSource } from './registry.ts'

/** A setting changed through another daemon is found so soon. */
const REFRESH_MS = 5_000
/** As many bits as an id token's nonce, a state and a verifier (RFC 7636 §4.1) are advised to have. */
const RANDOM_BYTES = 32

/** An attempt under way; its browser alone keeps it, sealed. */
export interface BegunSignIn extends Attempted {
  readonly sourceId: string
  readonly state: string
}

/** What came back in the address. None of it proves anything. */
export type Returned =
  | { readonly code: string }
  | { readonly error: string; readonly description: string }

export type SignInOutcome =
  | {
      readonly kind: 'known'
      readonly principalId: PrincipalId
      readonly name: string
      readonly source: string
    }
  | {
      readonly kind: 'refused'
      readonly reason: string
      /** Log-in name in the tenant; empty where nobody got so far. */
      readonly name: string
      readonly principalId: PrincipalId | null
      readonly source: string
      readonly code: number | null
    }
  | { readonly kind: 'unavailable'; readonly source: string }

export interface BrowserSignInsParts {
  readonly registry: Pick<SourceRegistry, 'list' | 'find' | 'readSecret' | 'tokenFiles'>
  readonly accounts: {
    findPerson(
      sourceId: string,
      externalId: string,
    ): Promise<{ readonly principalId: PrincipalId; readonly isGuest: boolean } | null>
  }
  /** For an admin: what keeps people out, without names. */
  readonly onAlert: (alert: {
    readonly source: string
    readonly why: string
    readonly code: number | null
  }) => void
  readonly onFault: (error: unknown) => void
  readonly nowMs?: () => number
}

/** Sources at whose own pages people may sign in, and who they turn out to be. */
export class BrowserSignIns {
  readonly #parts: BrowserSignInsParts
  readonly #nowMs: () => number
  readonly #clients = new Map<
    string,
    { readonly revision: string; readonly client: BrowserSignIn }
  >()
  #listed: readonly StoredSource[] = []
  #listing: Promise<void> | null = null
  #listedAtMs = Number.NEGATIVE_INFINITY

  constructor(parts: BrowserSignInsParts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? Date.now
  }

  /** While the database cannot say, what it said before. */
  async list(): Promise<readonly { readonly id: string; readonly name: string }[]> {
    if (this.#nowMs() - this.#listedAtMs >= REFRESH_MS) {
      this.#listing ??= this.#refresh().finally(() => {
        this.#listing = null
      })
      await this.#listing
    }
    return this.#listed.map(({ id, name }) => ({ id, name }))
  }

  /** Null where people do not sign in at that source. */
  async begin(
    sourceId: string,
    redirectUri: string,
  ): Promise<{ readonly begun: BegunSignIn; readonly url: string } | null> {
    await this.list()
    const source = this.#listed.find(({ id }) => id === sourceId)
    if (source === undefined) return null
    const begun = {
      sourceId,
      redirectUri,
      state: random(),
      nonce: random(),
      verifier: random(),
      startedAtMs: this.#nowMs(),
    }
    return { begun, url: authorizeUrl(parseConfig(source.config), begun) }
  }

  /**
   * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE`
   * @throws `signal`'s reason
   */
  async finish(
    begun: BegunSignIn,
    returned: Returned,
    signal: AbortSignal,
  ): Promise<SignInOutcome> {
    const source = await this.#parts.registry.find(begun.sourceId)
    const config = source === null ? null : configOf(source)
    if (source === null || config === null) return refuse('sign-in-off', '', null)
    const answer =
      'error' in returned
        ? readRefusal(returned.error, returned.description)
        : await this.#redeem({ source, config, begun, code: returned.code }, signal)
    return this.#identify(source, answer)
  }

  async #redeem(
    parts: {
      readonly source: StoredSource
      readonly config: Microsoft365Config
      readonly begun: BegunSignIn
      readonly code: string
    },
    signal: AbortSignal,
  ): Promise<SignInAnswer> {
    const { source, config, begun, code } = parts
    const secret = await readSecretOf(this.#parts.registry, source)
    return this.#clientOf(source, config).redeem(code, { attempted: begun, secret }, signal)
  }

  /** Keeps the tenant's keys, as long as the source stays as it is. */
  #clientOf({ id, revision }: StoredSource, config: Microsoft365Config): BrowserSignIn {
    const known = this.#clients.get(id)
    if (known?.revision === revision) return known.client
    const client = new BrowserSignIn({ config, nowMs: this.#nowMs })
    this.#clients.set(id, { revision, client })
    return client
  }

  async #identify(
    { id, name: source }: StoredSource,
    answer: SignInAnswer,
  ): Promise<SignInOutcome> {
    switch (answer.kind) {
      case 'unavailable':
        return { kind: 'unavailable', source }
      case 'misconfigured':
        this.#parts.onAlert({ source, why: answer.nextStep, code: answer.code })
        return refuse('source-misconfigured', source, answer.code)
      case 'foreign':
        this.#parts.onAlert({
          source,
          why: `an id token that proves nothing: ${answer.why}`,
          code: null,
        })
        return refuse('source-foreign-token', source, null)
      case 'refused':
        return refuse(answer.reason, source, answer.code)
      case 'signed-in': {
        const { externalId, name } = answer
        const person = await this.#parts.accounts.findPerson(id, externalId)
        const principalId = person?.principalId ?? null
        if (principalId === null) return { ...refuse('not-linked', source, null), name }
        if (person?.isGuest === true)
          return { ...refuse('source-unsupported', source, null), name, principalId }
        return { kind: 'known', principalId, name, source }
      }
    }
  }

  async #refresh(): Promise<void> {
    try {
      const sources = await this.#parts.registry.list()
      this.#listed = sources.filter((source) => configOf(source) !== null)
      this.#listedAtMs = this.#nowMs()
      const ids = new Set(this.#listed.map(({ id }) => id))
      for (const id of this.#clients.keys()) if (!ids.has(id)) this.#clients.delete(id)
    } catch (error) {
      this.#parts.onFault(error)
    }
  }
}

/** Null where people do not sign in. */
function configOf({ kind, config }: StoredSource): Microsoft365Config | null {
  const parsed = kind === 'microsoft365' ? parseConfig(config) : null
  return parsed?.browserSignIn === true ? parsed : null
}

function refuse(reason: string, source: string, code: number | null) {
  return { kind: 'refused', reason, source, code, name: '', principalId: null } as const
}

function random(): string {
  return randomBytes(RANDOM_BYTES).toString('base64url')
}
