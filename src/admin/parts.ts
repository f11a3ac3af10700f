import type { Grant } from '../access/decide.ts'
import type { Activation } from '../account/activation.ts'
import type { AppPasswords } from '../credentials/app-passwords.ts'
import type { TokenVerifier } from '../credentials/authenticate.ts'
import type { Guests } from '../credentials/guests.ts'
import type { NetworkPasswords } from '../credentials/network-passwords.ts'
import type { Passkeys } from '../credentials/passkeys.ts'
import type { PasswordSetter } from '../credentials/password-setter.ts'
import type { SecondFactors } from '../credentials/second-factors.ts'
import type { Directory } from '../directory/directory.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Nas, Network, RadiusMethod, ReplyAttribute } from '../directory/network.ts'
import type { DeviceStore } from '../directory/ports/devices.ts'
import type { SessionOutlook } from '../directory/ports/disconnects.ts'
import type { NasStore } from '../directory/ports/nas.ts'
import type { Actor, GroupStore, PeopleStore } from '../directory/ports/people.ts'
import type { RealmStore } from '../directory/ports/realms.ts'
import type { CredentialStore, ResourceStore } from '../directory/ports/resources.ts'
import type { SessionReading } from '../directory/ports/session-reading.ts'
import type { Entry } from '../directory/query.ts'
import type { Administrator } from '../directory/service.ts'
import type { ListedMail } from '../mail/mail-store.ts'
import type { MailSettings } from '../mail/settings.ts'
import type { HealthReport } from '../observe/health.ts'
import type { AnswerFilter, ChangeFilter } from '../observe/log-filter.ts'
import type { Signer } from '../profiles/cms.ts'
import type { DepartureOutlook, Leave } from '../sources/departure.ts'
import type { ImportPolicy } from '../sources/judge-people.ts'
import type {
  NewMicrosoft365Secret,
  NewMicrosoft365Source,
} from '../sources/microsoft365/registration.ts'
import type { Extra, Tier } from '../sources/microsoft365/settings.ts'
import type { Tool } from '../sources/microsoft365/steps.ts'
import type { EndedRound, UndoCounts, UndoOutlook } from '../sources/round-undo.ts'
import type { Verification } from '../sources/verify.ts'
import type { CertificateControl, ServerCertificateView } from './certificate-control.ts'
import type { ProfileServer } from './device-profile.ts'
import type { ImportControl } from './import-control.ts'
import type { LicenceControl } from './licence-control.ts'

/** One answer that was given, as the log keeps it. */
export interface LoggedAnswer {
  /** Rises with each row stored, whoever stores it. */
  readonly id: string
  readonly at: string
  readonly lastAt: string
  readonly count: number
  readonly outcome: 'success' | 'denied' | 'unavailable'
  readonly reason: string | null
  readonly resource: string
  readonly method: string
  readonly person: string | null
  readonly name: string
  readonly address: string
  readonly device: string | null
  readonly detail: Readonly<Record<string, unknown>> | null
}

export interface LoggedChange {
  readonly usn: string
  readonly at: string
  readonly kind: string
  readonly entity: string
  /** Name of the principal, or of the owner of the credential, that was changed. */
  readonly principal: string | null
  readonly actor: string | null
  readonly reason: string | null
  /** Before and after, without secrets; null where there is none, or no longer. */
  readonly detail: Readonly<Record<string, unknown>> | null
}

export interface LogReader {
  answers(filter: AnswerFilter): Promise<readonly LoggedAnswer[]>
  changes(filter: ChangeFilter): Promise<readonly LoggedChange[]>
}

/** Failed tries on one kind of resource, from one device where the protocol names it. */
export interface CountedFailures {
  readonly resource: string
  readonly device: string | null
  readonly failures: number
  readonly lastAt: string
  /** `backing-off` or `locked-out`; null while further tries are taken. */
  readonly blocked: string | null
}

export interface VerificationReport {
  readonly at: string
  readonly streams: Verification
  /** What to do about a difference; null when there is none to speak of. */
  readonly nextStep: string | null
}

/** A source as an admin sees it: what it is, how it does, and what to do when it does not. */
export interface SourceStatus {
  readonly id: string
  readonly kind: string
  readonly name: string
  readonly state: 'active' | 'paused' | 'quarantined'
  readonly stateReason: string | null
  readonly lastRoundAt: string | null
  readonly lastError: string | null
  readonly nextStep: string | null
  readonly waitingRemovals: number
  /** What it counted of itself, beside what is here; null before the first time. */
  readonly verification: VerificationReport | null
  /** What Gatehouse may do there. */
  readonly tier: Tier
  readonly extras: readonly Extra[]
  /** What it signs in with, and until when that is good; null when nobody knows. */
  readonly credential: {
    readonly kind: 'certificate' | 'secret' | 'federated'
    readonly expiresAt: string | null
    /** By name, the file of a token that its issuer renews; null for what is kept here. */
    readonly tokenFile: string | null
  }
  /** Whose passwords are checked there; null when nobody's are. */
  readonly passThrough: {
    /** By name; by id where a group is gone. */
    readonly groups: readonly string[]
    readonly rememberHours: number
  } | null
  /** People may sign in there to choose their password here. */
  readonly signIn: boolean
  /** Who of it comes in by herself. */
  readonly import: ImportPolicy
  /** People about whom something is to be written there. */
  readonly waitingPushes: number
  /** Values the source did not take, or that somebody keeps changing back there. */
  readonly refusedPushes: number
}

/** Whether a source tells of changes by itself. */
export interface SourceLive {
  /** As an admin has set it. */
  readonly isOn: boolean
  readonly mode: 'by-notification' | 'partly' | 'by-schedule'
  /** Why it is by the schedule, in words; null when nothing but a fault keeps it from telling. */
  readonly why: string | null
  readonly subscriptions: readonly {
    readonly stream: 'people' | 'groups'
    readonly state: 'creating' | 'active' | 'failed'
    readonly expiresAt: string | null
    readonly lastNotifiedAt: string | null
    readonly error: string | null
    readonly nextStep: string | null
  }[]
}

/** How a source does, whole. */
export interface SourceHealthStatus {
  readonly source: string
  readonly state: SourceStatus['state']
  /** What an admin does next; null when there is nothing to do. */
  readonly nextStep: string | null
  readonly rounds: {
    /** Whether this daemon is the one that reads; all of them tell the same of rounds. */
    readonly isHere: boolean
    readonly isRunning: boolean
    readonly last: {
      readonly startedAt: string
      readonly tookMs: number
      readonly ok: boolean
      /** Brought forward by a notification. */
      readonly hinted: boolean
    } | null
    readonly lastGoodAt: string | null
    readonly nextAt: string | null
    readonly faultsInRow: number
    readonly lastError: string | null
    readonly streams: readonly {
      readonly stream: string
      readonly mode: string
      readonly counts: Readonly<Record<string, number>>
      readonly note: string | null
    }[]
  }
  /** Since its answers were last complete, over all streams; null before the first import. */
  readonly lagSeconds: number | null
  readonly token: { readonly issuedAt: string; readonly expiresAt: string } | null
  readonly credential: SourceStatus['credential']
  readonly throttle: {
    readonly requests: number
    readonly throttled: number
    readonly lastThrottledAt: string | null
    readonly lastRetryAfterSeconds: number | null
    readonly resourceUnits: number
    /** Of the quota in use, as last told; told from 0.8 on. */
    readonly quotaShare: number | null
  } | null
  readonly live: SourceLive
  readonly waitingRemovals: number
  readonly waitingPushes: number
  readonly refusedPushes: number
}

/** What a source's tier is granted, what it lacks, and what that costs. */
export interface TierReport {
  readonly source: string
  readonly tiers: readonly {
    /** Or what is done beside a tier. */
    readonly tier: Tier | Extra
    /** Chosen, this one or one above it. */
    readonly isOn: boolean
    readonly granted: readonly string[]
    readonly missing: readonly { readonly permission: string; readonly cost: string }[]
    /** What it was not allowed to write, whatever its permissions say: a role may be missing. */
    readonly refused: { readonly count: number; readonly reason: string } | null
  }[]
}

/** One value written, or to be written, where a person comes from. */
export interface PushStatus {
  readonly source: string
  readonly attribute: string
  readonly status: string
  readonly wanted: boolean | string | null
  readonly writtenAt: string | null
  readonly reason: string | null
}

/** One value in which a source, by its own last word, differs from what is wanted here. */
export interface DriftStatus {
  readonly person: string
  readonly attribute: string
  readonly here: boolean | string | null
  /** Absent when the source has never told. */
  readonly there?: boolean | string | null
  readonly state: string
}

export interface SyncReport {
  readonly source: string
  readonly dryRun: boolean
  readonly streams: readonly {
    readonly stream: string
    readonly mode: string
    readonly counts: Readonly<Record<string, number>>
    readonly note: string | null
  }[]
}

export interface NewConsent extends Omit<NewMicrosoft365Source, 'tenantId'> {
  /** The only tenant that will do; null takes the one whose administrator says yes. */
  readonly tenant: string | null
  readonly tier: Tier
  readonly extras: readonly Extra[]
}

/** A source that somebody elsewhere is about to say yes to. */
export interface ConnectAttempt {
  readonly id: string
  readonly way: 'consent' | 'device'
  readonly status: 'waiting' | 'working' | 'connected' | 'refused' | 'expired'
  /** What is being done, or why it was refused. */
  readonly note: string | null
  /** Name of the source, once there is one. */
  readonly source: string | null
  readonly expiresAt: string
}

export interface BegunConsent extends ConnectAttempt {
  /** To be opened by an administrator of the tenant; shown once. */
  readonly url: string
  /** Has to stand in the app registration, to the letter. */
  readonly redirectUri: string
}

export interface NewDevice
  extends Omit<
    NewMicrosoft365Source,
    'tenantId' | 'clientId' | 'clientSecret' | 'certificate' | 'privateKey' | 'federatedToken'
  > {
  readonly tenant: string | null
  readonly tier: Tier
  readonly extras: readonly Extra[]
  /** Public client that shows the code; null takes Microsoft's own command line tools. */
  readonly publicClientId: string | null
  /** Where a browser comes back to from people's own sign-in; null when none could. */
  readonly signInReturn: string | null
}

export interface BegunDevice extends ConnectAttempt {
  /** To be entered at `verificationUri`. */
  readonly userCode: string
  readonly verificationUri: string
  readonly publicClientId: string
  /** What the administrator is asked to agree to, for this once. */
  readonly scopes: readonly string[]
  /** What the application will be granted. */
  readonly permissions: readonly string[]
}

/** Connecting with somebody's word from elsewhere. */
export interface ConnectControl {
  beginConsent(request: NewConsent, redirectUri: string, actor: Actor): Promise<BegunConsent>
  /** @returns null for a state that is nobody's, used, or too old */
  finishConsent(returned: {
    readonly state: string
    readonly tenant: string | null
    readonly error: string | null
  }): Promise<ConnectAttempt | null>
  beginDevice(request: NewDevice, actor: Actor): Promise<BegunDevice>
  find(id: string): Promise<ConnectAttempt | null>
}

export interface WaitingRemoval {
  readonly kind: string
  readonly subject: string
  readonly group: string | null
  readonly since: string
}

/** A page of what waits, and what an approval of all of it names. */
export interface Waiting {
  readonly count: number
  /** Since when the last of them waits; null when nothing does. */
  readonly until: string | null
  readonly waiting: readonly WaitingRemoval[]
}

export interface RoundsReport {
  readonly source: string
  readonly rounds: readonly (Omit<EndedRound, 'finishedAtMs'> & { readonly finishedAt: string })[]
}

/** `waiting`: uploaded, and what is in use stays so until the login service takes the new one. */
export type RotationReport =
  | { readonly state: 'rotated'; readonly expiresAt: string; readonly old: 'removed' | 'left' }
  | { readonly state: 'waiting'; readonly why: string }

/** What can be done with sources; the daemon composes it from the sync engine. */
export interface SourceControl {
  list(): Promise<readonly SourceStatus[]>
  connectMicrosoft365(source: NewMicrosoft365Source, actor: string): Promise<SourceStatus>
  sync(
    source: string,
    options: { readonly dryRun: boolean; readonly full: boolean },
  ): Promise<SyncReport>
  /** Counts what is there and what is here of it. */
  verify(source: string): Promise<SourceStatus>
  /** How to make the app registration for a tier, to be pasted. */
  steps(
    tool: Tool,
    tier: Tier,
    more: {
      readonly extras: readonly Extra[]
      readonly signInReturn: string | null
      /** Token file it is to sign in with; null for a certificate. */
      readonly federatedToken: string | null
    },
  ): Promise<string>
  /** How it does, as the daemon asked knows it. */
  health(source: string): Promise<SourceHealthStatus>
  /** Has it tell of changes, or no more; on proves at once that it can reach us. */
  setLive(
    source: string,
    isLive: boolean,
    actor: Actor,
  ): Promise<SourceLive & { readonly source: string }>
  /** As a fresh token says. */
  readTiers(source: string): Promise<TierReport>
  setTier(source: string, tier: Tier, actor: Actor): Promise<SourceStatus>
  setExtra(
    source: string,
    change: { readonly extra: Extra; readonly isOn: boolean },
    actor: Actor,
  ): Promise<SourceStatus>
  /** Whether people may sign in there, in a browser, to choose their password here. */
  setSignIn(source: string, isAllowed: boolean, actor: Actor): Promise<SourceStatus>
  /** Whose passwords are checked by signing in there; nobody's when it is null. */
  setPassThrough(
    source: string,
    setting: { readonly groupIds: readonly string[]; readonly rememberHours: number } | null,
    actor: Actor,
  ): Promise<SourceStatus>
  /** What became of what was pushed about a person. */
  pushesOf(id: PrincipalId): Promise<readonly PushStatus[]>
  /** Tries again what was refused. @returns how many people */
  /** What would be written now, and what is left alone; `limit` people are looked at. */
  drift(
    source: string,
    page: { readonly after: number; readonly limit: number },
  ): Promise<{ readonly drift: readonly DriftStatus[]; readonly next: number | null }>
  retryPushes(source: string): Promise<number>
  /** Proves another secret against the tenant, and signs in with it from then on. */
  replaceSecret(source: string, secret: NewMicrosoft365Secret, actor: string): Promise<SourceStatus>
  /** Has its application put another certificate in the place of its own. */
  rotate(source: string, applicationId: string | null, actor: Actor): Promise<RotationReport>
  /** No further round begins until it is resumed. */
  pause(source: string, actor: Actor): Promise<SourceStatus>
  resume(source: string, actor: Actor): Promise<SourceStatus>
  /** What a disconnection would do. */
  departure(
    source: string,
  ): Promise<{ readonly source: string; readonly outlook: DepartureOutlook }>
  /** Disconnects it, to the end; should this daemon stop, another one goes on. */
  disconnect(
    source: string,
    leave: Leave,
    actor: Actor,
  ): Promise<
    | { readonly ok: true; readonly source: string; readonly affected: number }
    | { readonly ok: false; readonly affected: number; readonly all: number }
  >
  /** What its latest rounds did, the last first. */
  rounds(source: string, limit: number): Promise<RoundsReport>
  /** What taking a round back would do. */
  undoOutlook(round: string): Promise<UndoOutlook>
  /** Takes a round back, to the end, and pauses its source. */
  undo(
    undo: { readonly round: string; readonly count: number | null },
    actor: Actor,
  ): Promise<
    | { readonly ok: true; readonly undo: string; readonly counts: UndoCounts }
    | { readonly ok: false; readonly affected: number; readonly all: number }
  >
  waiting(
    source: string,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<Waiting>
  /** Approves so many, which have waited at that moment, and carries it out; else nothing. */
  approve(
    source: string,
    seen: { readonly count: number; readonly until: string },
    actor: string,
  ): Promise<number>
  /** Keeps them: they are asked about again only if the source says so again. */
  reject(source: string, actor: string): Promise<number>
}

/** How mail leaves, and what became of it. */
export interface MailControl {
  /** Null until somebody said. */
  read(): Promise<{ readonly settings: MailSettings; readonly hasPassword: boolean } | null>
  /** @param password undefined keeps the one there is */
  configure(
    settings: MailSettings,
    password: string | null | undefined,
    actor: Actor,
  ): Promise<void>
  /** Sends one at once. @returns why it was not taken; null when it was */
  test(recipient: string): Promise<string | null>
  list(limit: number): Promise<readonly ListedMail[]>
}

export interface Status {
  readonly version: string
  readonly startedAt: string
  readonly database: { readonly kind: string; readonly note: string | null }
  readonly journal: { readonly usn: number; readonly epoch: string }
  readonly freshness: string
  readonly counts: Readonly<Record<string, number>>
  readonly baseDn: string | null
  readonly listeners: Readonly<Record<string, readonly string[]>>
  readonly certificate: {
    readonly names: readonly string[]
    readonly expiresAt: string
    readonly issuer: string
  }
}

/** Everything the admin API needs; the daemon fills it in. */
export interface AdminParts {
  readonly directory: Directory
  readonly people: PeopleStore
  readonly groups: GroupStore
  readonly resources: ResourceStore
  readonly realms: RealmStore
  readonly devices: DeviceStore
  readonly guests: Guests
  readonly nas: Pick<NasStore, 'rotateSecret' | 'endRotation' | 'uses'>
  readonly credentials: CredentialStore
  readonly passwords: Pick<PasswordSetter, 'set'>
  readonly appPasswords: AppPasswords
  readonly networkPasswords: NetworkPasswords
  readonly certificates: CertificateControl
  readonly secondFactors: Pick<SecondFactors, 'find' | 'remove'>
  readonly passkeys: Pick<Passkeys, 'listFor' | 'remove'>
  readonly activation: Pick<Activation, 'issue'>
  readonly sessions: SessionReading & {
    /** Has one ended by its NAS; false when it is not open. */
    disconnect(id: string, actor: string): Promise<boolean>
    /** What would come of open sessions if a network were this one. */
    outlook(network: Network): Promise<SessionOutlook>
  }
  readonly log: LogReader
  readonly sources: SourceControl
  readonly connect: ConnectControl
  /** Where browsers reach us: the public URL, else this machine; null when nothing listens. */
  publicOrigin(): string | null
  /** Where they come back to from a sign-in at Microsoft; null when nothing listens. */
  signInReturn(): string | null
  readonly imports: ImportControl
  readonly licences: LicenceControl
  readonly mail: MailControl
  readonly tokens: TokenVerifier
  /** Null when name and password do not belong together. */
  verifyAdministrator(
    username: string,
    password: Buffer,
    address: string,
  ): Promise<Administrator | null>
  hashPassword(password: Buffer): Promise<string>
  /** Failed tries that count against somebody just now, and what they lead to. */
  failuresOf(id: PrincipalId): readonly CountedFailures[]
  /** Forgets them: whoever was locked out may try again at once. */
  clearFailures(id: PrincipalId): void
  /** Resolves once this daemon's own read model shows the write, so that the next read sees it. */
  reached(inboxSeq: bigint | null): Promise<void>
  /** Why an attribute can't be part of a RADIUS reply, in words for an admin; null when it can. */
  checkReplyAttribute(attribute: ReplyAttribute): string | null
  /** What would come of a log-in, and why: memory is asked, nothing changed. */
  explainLogIn(logIn: {
    readonly who: Entry
    readonly nas: Nas
    readonly facts: {
      readonly ssid: string | null
      readonly nasIdentifier: string | null
      readonly portType: number | null
      readonly device: string | null
    }
    readonly method: RadiusMethod
    readonly atMs: number
  }): {
    readonly tried: readonly { readonly network: string; readonly differs: readonly string[] }[]
    readonly network: Network | null
    readonly denial: string | null
    readonly grant: Grant | null
  }
  /** What can stand in one. */
  replyAttributes(): readonly {
    readonly name: string
    readonly vendor: string | null
    readonly value: string
    readonly names: readonly string[]
  }[]
  serverCertificate(): ServerCertificateView
  /** What devices meet at a log-in. */
  profileServer(): ProfileServer
  /** By which files for devices are signed. */
  profileSigner(): { readonly signer: Signer; readonly nowMs: number }
  status(): Status
  health(): HealthReport
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>
  /** The LDAP name of a service, for whoever configures the client. */
  serviceDn(name: string): string | null
  writeBackup(passphrase: string | null): AsyncIterable<Buffer>
}
