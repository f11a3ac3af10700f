import { setTimeout as sleep } from 'node:timers/promises'
import { DirectoryError } from '../directory/errors.ts'
import type { Actor } from '../directory/ports/people.ts'
import { type CallAnswer, GraphCalls } from './microsoft365/calls.ts'
import { makeProofOfPossession } from './microsoft365/client-assertion.ts'
import { certificateBody, makeClientCertificate } from './microsoft365/client-certificate.ts'
import { credentialOf, isDueForRotation } from './microsoft365/credential.ts'
import {
  formatSecret,
  type Microsoft365Config,
  type Microsoft365Secret,
  parseConfig,
} from './microsoft365/settings.ts'
import { isKeyUnknown } from './microsoft365/sign-in.ts'
import { readSecretOf } from './microsoft365/stored-secret.ts'
import type { SourceRegistry, StoredSource } from './registry.ts'
import { SourceError } from './source.ts'

/** How long somebody waits for the login service to have heard of a key. */
const PATIENCE_MS = 30_000
const PAUSE_MS = 2_000

export interface RotationParts {
  readonly registry: SourceRegistry
  readonly nowMs?: () => number
  readonly patienceMs?: number
}

export type Rotated =
  /** The old one is `left` where its id in the registration is not known to us: it ends by itself. */
  | { readonly kind: 'rotated'; readonly expiresAtMs: number; readonly old: 'removed' | 'left' }
  /** Uploaded, and not yet taken by the login service; what is in use stays so until then. */
  | { readonly kind: 'waiting'; readonly why: string }

/** What is known before each step; all of it is in the database, so any step may be repeated. */
interface Rotation {
  readonly source: StoredSource
  readonly config: Microsoft365Config & { readonly applicationId: string }
  readonly secret: Microsoft365Secret
  readonly next: { readonly certificate: string; readonly privateKey: string }
}

/**
 * Gives a source's application a new certificate before the old one ends, as Entra lets an
 * application do for itself (`addKey`, `removeKey`), which takes no permission but a proof that it has
 * the old key.
 *
 * The new key is kept, sealed, before it is uploaded. The old one is in use until a sign-in with the
 * new one has worked, and only then taken out of the registration: at no line does a crash leave the
 * source without a key that works.
 */
export class CertificateRotation {
  readonly #parts: RotationParts
  readonly #nowMs: () => number

  constructor(parts: RotationParts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? Date.now
  }

  /**
   * @throws {DirectoryError} `DIRECTORY_NOT_FOUND`, `DIRECTORY_REFUSED` when it signs in with a secret
   *   or the application's object id is not known
   * @throws {SourceError} when Entra refuses or does not answer; what is in use stays so
   */
  async rotate(
    nameOrId: string,
    options: {
      /** Object id of the app registration; null takes the one that is known. */
      readonly applicationId: string | null
      readonly actor: Actor
      readonly signal: AbortSignal
    },
  ): Promise<Rotated> {
    const { actor, signal } = options
    const by = { actor, signal }
    const begun = await this.#begin(nameOrId, options.applicationId, actor)
    const before = await this.#signInWith(begun, signal)
    const keyId = before === null ? begun.config.nextKeyId : await this.#upload(begun, by)
    const why = before === null ? null : await this.#untilTaken(begun, signal)
    if (why !== null) return { kind: 'waiting', why }
    return await this.#change(begun, { keyId, actor, signal })
  }

  /** All whose certificate ends soon and that can be given another without an admin. */
  async rotateDue(
    signal: AbortSignal,
    tell: (source: string, outcome: Rotated | Error) => void,
  ): Promise<void> {
    const actor = { name: 'gatehouse', reason: 'the certificate ends soon' }
    for (const source of await this.#parts.registry.list()) {
      if (source.state === 'paused' || source.kind !== 'microsoft365') continue
      const config = parseConfig(source.config)
      if (config.applicationId === null || !isDueForRotation(config, this.#nowMs())) continue
      try {
        tell(source.name, await this.rotate(source.id, { applicationId: null, actor, signal }))
      } catch (error) {
        tell(source.name, error instanceof Error ? error : new Error(String(error)))
      }
    }
  }

  async #begin(nameOrId: string, given: string | null, actor: Actor): Promise<Rotation> {
    const source = await this.#find(nameOrId)
    const config = parseConfig(source.config)
    const secret = await this.#secretOf(source)
    if (config.federatedToken !== null)
      throw refused(
        `${source.name} signs in with the token in the file ${config.federatedToken}, which its issuer renews: there is nothing to rotate here`,
      )
    if (config.certificate === null || secret.privateKey === null)
      throw refused(
        `${source.name} signs in with a secret, which an application cannot replace by itself: give it a certificate with \`gatehouse source set-secret ${source.name} --certificate <file> --private-key <file>\``,
      )
    const applicationId = given ?? config.applicationId
    if (applicationId === null)
      throw refused(
        `say which app registration it is: its "Object ID", on its overview page in the Entra admin center or from \`az ad app show --id ${config.clientId} --query id\`, as --application-object-id`,
      )
    const known = nextOf(config, secret)
    if (known !== null) return { source, config: { ...config, applicationId }, secret, next: known }
    const next = await makeClientCertificate(this.#nowMs())
    await this.#keep(source, actor, {
      config: { applicationId, nextCertificate: next.certificate, nextKeyId: null },
      secret: { ...secret, nextPrivateKey: next.privateKey },
    })
    // Another daemon may have begun at the same moment: what is kept is what counts.
    const kept = await this.#find(source.id)
    const keptConfig = parseConfig(kept.config)
    const keptSecret = await this.#secretOf(kept)
    return {
      source: kept,
      config: { ...keptConfig, applicationId },
      secret: keptSecret,
      next: nextOf(keptConfig, keptSecret) ?? next,
    }
  }

  /** @returns why not; null when Entra takes the new certificate */
  async #signInWith({ config, next }: Rotation, signal: AbortSignal): Promise<string | null> {
    const { certificate, privateKey } = next
    const secret = { clientSecret: null, privateKey }
    try {
      signal.throwIfAborted()
      await new GraphCalls({ config: { ...config, certificate }, secret }).grantedPermissions()
      return null
    } catch (error) {
      if (isKeyUnknown(error)) return error.message
      throw error
    }
  }

  /** @returns the id the key has there */
  async #upload(
    { source, config, secret, next }: Rotation,
    { actor, signal }: { readonly actor: Actor; readonly signal: AbortSignal },
  ): Promise<string | null> {
    if (config.nextKeyId !== null) return config.nextKeyId
    const answer = await new GraphCalls({ config, secret }).post(
      `${pathOf(config)}/addKey`,
      {
        keyCredential: {
          ...{ type: 'AsymmetricX509Cert', usage: 'Verify' },
          key: certificateBody(next.certificate),
        },
        passwordCredential: null,
        proof: this.#proof(config, secret),
      },
      signal,
    )
    const body = bodyOf(answer, 'Entra did not take the new certificate')
    const keyId = typeof body['keyId'] === 'string' ? body['keyId'] : null
    const { applicationId } = config
    await this.#keep(source, actor, { config: { applicationId, nextKeyId: keyId }, secret })
    return keyId
  }

  async #untilTaken(rotation: Rotation, signal: AbortSignal): Promise<string | null> {
    const untilMs = performance.now() + (this.#parts.patienceMs ?? PATIENCE_MS)
    for (;;) {
      const why = await this.#signInWith(rotation, signal)
      if (why === null || performance.now() > untilMs) return why
      await sleep(PAUSE_MS, undefined, { signal })
    }
  }

  async #change(
    { source, config, next }: Rotation,
    by: { readonly keyId: string | null; readonly actor: Actor; readonly signal: AbortSignal },
  ): Promise<Rotated> {
    const { certificate, privateKey } = next
    const secret = { clientSecret: null, privateKey }
    await this.#keep(source, by.actor, {
      config: {
        certificate,
        applicationId: config.applicationId,
        keyId: by.keyId,
        nextCertificate: null,
        nextKeyId: null,
      },
      secret,
    })
    const changed = { ...config, certificate }
    const old = await this.#removeOld(changed, { secret, keyId: config.keyId, signal: by.signal })
    return { kind: 'rotated', expiresAtMs: credentialOf(changed).expiresAtMs ?? 0, old }
  }

  /** What stays there is good for nothing here any more, and ends by itself. */
  async #removeOld(
    config: Rotation['config'],
    by: {
      readonly secret: Microsoft365Secret
      readonly keyId: string | null
      readonly signal: AbortSignal
    },
  ): Promise<'removed' | 'left'> {
    const { secret, keyId, signal } = by
    if (keyId === null) return 'left'
    const answer = await new GraphCalls({ config, secret })
      .post(`${pathOf(config)}/removeKey`, { keyId, proof: this.#proof(config, secret) }, signal)
      .catch(() => null)
    return answer?.kind === 'ok' ? 'removed' : 'left'
  }

  #proof(
    { applicationId, certificate }: Rotation['config'],
    { privateKey }: Microsoft365Secret,
  ): string {
    if (certificate === null || privateKey === null) throw new Error('no key to prove with')
    return makeProofOfPossession({ applicationId, certificate, privateKey, nowMs: this.#nowMs() })
  }

  async #find(nameOrId: string): Promise<StoredSource> {
    const source = await this.#parts.registry.find(nameOrId)
    if (source?.kind === 'microsoft365') return source
    throw new DirectoryError('DIRECTORY_NOT_FOUND', `there is no Microsoft 365 source ${nameOrId}`)
  }

  async #secretOf(source: StoredSource): Promise<Microsoft365Secret> {
    return readSecretOf(this.#parts.registry, source)
  }

  async #keep(
    { id }: StoredSource,
    actor: Actor,
    change: { readonly config: object; readonly secret: Microsoft365Secret },
  ): Promise<void> {
    const { config, secret } = change
    await this.#parts.registry.replaceSecret(id, { config, secret: formatSecret(secret) }, actor)
  }
}

function nextOf({ nextCertificate }: Microsoft365Config, { nextPrivateKey }: Microsoft365Secret) {
  const privateKey = nextPrivateKey ?? null
  if (nextCertificate === null || privateKey === null) return null
  return { certificate: nextCertificate, privateKey }
}

function pathOf({ applicationId }: Rotation['config']): string {
  return `/applications/${encodeURIComponent(applicationId)}`
}

/** @throws {SourceError} for everything but a yes */
function bodyOf(answer: CallAnswer, what: string): Readonly<Record<string, unknown>> {
  if (answer.kind === 'ok') return answer.body
  if (answer.kind === 'throttled')
    throw new SourceError('SOURCE_THROTTLED', `${what}: it asks to slow down`)
  const { status, code } = answer
  const mend = status === 404 ? ': there is no app registration with this object id' : ''
  throw new SourceError('SOURCE_REFUSED', `${what} (${status} ${code})${mend}`)
}

function refused(message: string): DirectoryError {
  return new DirectoryError('DIRECTORY_REFUSED', message)
}
