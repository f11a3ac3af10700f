import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import { decodeAttestationObject, isoBase64URL, isoCBOR } from '@simplewebauthn/server/helpers'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import type { NewMail } from '../directory/ports/mail.ts'
import {
  MAX_PASSKEY_NAME,
  type Passkey,
  type PasskeyKey,
  type PasskeyStore,
} from '../directory/ports/passkeys.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { FactorProof } from '../directory/ports/second-factors.ts'
import type { FactorNews } from './second-factors.ts'

/** Ed25519, ES256 and RS256, as COSE numbers them: what authenticators in use know. */
const ALGORITHMS = [-8, -7, -257]
const TIMEOUT_MS = 4 * 60_000
/** Up to 1,023 bytes (WebAuthn §4), in base64url. */
const CREDENTIAL_ID = /^[A-Za-z0-9_-]{1,1364}$/
/** How a browser may reach the authenticator: a hint for later (WebAuthn §5.8.4). */
const TRANSPORTS = new Set(['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'])

/** What a browser is to answer, and by when. */
export interface Challenge {
  readonly challenge: string
  readonly expiresAtMs: number
}

export type PasskeyDenial =
  | 'passkey-unknown'
  /** Another challenge or origin, no verified user, or a signature that does not fit. */
  | 'passkey-refused'
  | 'passkey-spent'
  | 'passkey-counter'

interface By {
  readonly proof: FactorProof
  readonly actor: Actor
}

interface Parts {
  readonly store: PasskeyStore
  /** Where browsers reach the pages, without a path; null when nothing listens. */
  readonly origin: () => string | null
  /** What she is told by mail; null when nothing is sent. */
  readonly notice: (person: Person, news: FactorNews) => Promise<NewMail | null>
}

/** Passkeys (WebAuthn level 3): kept by the person's device, unlocked by its PIN or her finger. */
export class Passkeys {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Passkeys belong to a name; a bare address has none (WebAuthn §5.1.2). */
  get areAvailable(): boolean {
    return this.#site() !== null
  }

  listFor({ id }: Person): Promise<readonly Passkey[]> {
    return this.#parts.store.listFor(id)
  }

  /** Null where there can be none. What comes with it goes to `navigator.credentials.create`. */
  async beginRegistration(person: Person, organization: string) {
    const site = this.#site()
    if (site === null) return null
    const hers = await this.#parts.store.listFor(person.id)
    return generateRegistrationOptions({
      rpName: organization,
      rpID: site.id,
      userName: person.username,
      userDisplayName: person.displayName,
      userID: handleOf(person.id),
      timeout: TIMEOUT_MS,
      attestationType: 'none',
      excludeCredentials: hers.map(({ credentialId }) => ({ id: credentialId })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      supportedAlgorithmIDs: ALGORITHMS,
    })
  }

  /**
   * Null where the answer proves nothing, `'stale'` when the proof no longer holds.
   *
   * @throws {DirectoryError} that says what is wrong with the name, or that there are too many
   */
  async register(
    person: Person,
    answer: { readonly name: string; readonly response: string; readonly asked: Challenge },
    by: By,
  ): Promise<Written | null | 'stale'> {
    const name = answer.name.trim()
    if (name === '' || [...name].length > MAX_PASSKEY_NAME || /\p{C}/u.test(name))
      throw new DirectoryError(
        'DIRECTORY_REFUSED',
        `give it a name of 1 to ${MAX_PASSKEY_NAME} printable characters, such as the device it is on`,
      )
    const verified = await this.#verifyRegistration(answer.response, answer.asked)
    if (verified === null) return null
    const { credential, credentialBackedUp: isSynced } = verified
    const written = await this.#parts.store.add(
      {
        principalId: person.id,
        name,
        credentialId: credential.id,
        publicKey: credential.publicKey,
        counter: credential.counter,
        transports: knownTransports(credential.transports),
        isSynced,
        challenge: spent(answer.asked),
        proof: by.proof,
        notice: await this.#parts.notice(person, 'passkey-added'),
      },
      by.actor,
    )
    return written ?? 'stale'
  }

  /** Null where there can be none. Names nobody: the browser offers what it has for this site. */
  async beginSignIn() {
    const site = this.#site()
    if (site === null) return null
    return generateAuthenticationOptions({
      rpID: site.id,
      timeout: TIMEOUT_MS,
      userVerification: 'required',
    })
  }

  /** Whose passkey has answered; a right answer is good once. */
  async signIn(
    text: string,
    asked: Challenge,
  ): Promise<
    | { readonly ok: true; readonly principalId: PrincipalId; readonly passkeyId: string }
    | { readonly ok: false; readonly why: PasskeyDenial; readonly principalId: PrincipalId | null }
  > {
    const response = readAnswer<AuthenticationResponseJSON>(text)
    const found = response === null ? null : await this.#parts.store.find(response.id)
    if (response === null || found === null)
      return { ok: false, why: 'passkey-unknown', principalId: null }
    const { principalId } = found
    const verified = await this.#verifySignIn(response, found, asked)
    if (verified === null) return { ok: false, why: 'passkey-refused', principalId }
    const { newCounter: counter, credentialBackedUp: isSynced } = verified
    const use = { id: found.id, counter, isSynced, challenge: spent(asked) }
    const outcome = await this.#parts.store.use(use)
    if (outcome === 'used') return { ok: true, principalId, passkeyId: found.id }
    const why = outcome === 'spent' ? 'passkey-spent' : 'passkey-counter'
    return { ok: false, why, principalId }
  }

  /** By id, or `all`. Null when the proof no longer holds; 0 changed for a stranger's. */
  async remove(person: Person, id: string, by: By): Promise<Written | null> {
    const notice = await this.#parts.notice(person, 'passkey-removed')
    return this.#parts.store.remove(
      { principalId: person.id, id, proof: by.proof, notice },
      by.actor,
    )
  }

  async #verifyRegistration(text: string, asked: Challenge) {
    const site = this.#site()
    const response = readAnswer<RegistrationResponseJSON>(text)
    if (site === null || response === null) return null
    const bare = withoutAttestation(response)
    if (bare === null) return null
    const options = { response: bare, ...expected(site, asked), supportedAlgorithmIDs: ALGORITHMS }
    // It throws for whatever it refuses.
    const { verified, registrationInfo } = await verifyRegistrationResponse(options).catch(
      () => REFUSED,
    )
    return verified ? (registrationInfo ?? null) : null
  }

  async #verifySignIn(response: AuthenticationResponseJSON, held: PasskeyKey, asked: Challenge) {
    const site = this.#site()
    const { userHandle } = response.response
    const handle = Buffer.from(handleOf(held.principalId)).toString('base64url')
    if (site === null || userHandle !== handle) return null
    // The counter is compared where it is stored, together with the challenge.
    const credential = { id: response.id, publicKey: held.publicKey, counter: 0 }
    const options = { response, ...expected(site, asked), credential }
    const { verified, authenticationInfo } = await verifyAuthenticationResponse(options).catch(
      () => REFUSED,
    )
    return verified ? (authenticationInfo ?? null) : null
  }

  #site(): { readonly origin: string; readonly id: string } | null {
    const origin = this.#parts.origin()
    if (origin === null) return null
    const url = new URL(origin)
    const isAddress = isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0
    return isAddress ? null : { origin: url.origin, id: url.hostname }
  }
}

/**
 * Who made the device is not asked, so what a browser says of it is not looked at: to check it, the
 * library would fetch what a certificate of the sender's own making names.
 */
function withoutAttestation(answer: RegistrationResponseJSON): RegistrationResponseJSON | null {
  try {
    const { attestationObject } = answer.response
    const given = decodeAttestationObject(isoBase64URL.toBuffer(attestationObject))
    const bare = new Map<string, string | Uint8Array<ArrayBuffer> | Map<string, string>>()
      .set('fmt', 'none')
      .set('attStmt', new Map<string, string>())
      .set('authData', given.get('authData'))
    const encoded = isoBase64URL.fromBuffer(isoCBOR.encode(bare))
    return { ...answer, response: { ...answer.response, attestationObject: encoded } }
  } catch {
    return null
  }
}

const REFUSED = { verified: false, registrationInfo: undefined, authenticationInfo: undefined }

function expected(site: { readonly origin: string; readonly id: string }, asked: Challenge) {
  return {
    expectedChallenge: asked.challenge,
    expectedOrigin: site.origin,
    expectedRPID: site.id,
    requireUserVerification: true,
  }
}

/** Says who she is and nothing of her (WebAuthn §14.6.1). */
function handleOf(id: PrincipalId): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(id.replaceAll('-', ''), 'hex'))
}

function knownTransports(given: unknown): readonly string[] {
  return Array.isArray(given) ? [...TRANSPORTS].filter((known) => given.includes(known)) : []
}

function spent({ challenge, expiresAtMs }: Challenge) {
  return { digest: createHash('sha256').update(challenge).digest('base64'), expiresAtMs }
}

/** What the page's script has made of the browser's answer; null for what cannot be one. */
function readAnswer<Answer extends { readonly id: string; readonly response: object }>(
  text: string,
): Answer | null {
  try {
    const answer = JSON.parse(text) as Partial<Answer> | null
    const isOne =
      typeof answer?.id === 'string' &&
      CREDENTIAL_ID.test(answer.id) &&
      typeof answer.response === 'object' &&
      answer.response !== null
    return isOne ? (answer as Answer) : null
  } catch {
    return null
  }
}
