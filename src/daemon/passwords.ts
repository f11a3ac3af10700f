import type { FastifyPluginAsync } from 'fastify'
import { Activation } from '../account/activation.ts'
import {
  appPasswordNotice,
  changeNotice,
  factorNotice,
  networkPasswordNotice,
} from '../account/link.ts'
import { SIGN_IN_RETURN } from '../account/microsoft.ts'
import { accountPlugin } from '../account/plugin.ts'
import type { Sealer } from '../account/ticket.ts'
import type { Config } from '../config/config.ts'
import { AppPasswords } from '../credentials/app-passwords.ts'
import { NetworkPasswords } from '../credentials/network-passwords.ts'
import { Passkeys } from '../credentials/passkeys.ts'
import { PasswordSetter } from '../credentials/password-setter.ts'
import { PasswordStrength } from '../credentials/password-strength.ts'
import { type FactorNews, SecondFactors } from '../credentials/second-factors.ts'
import type { Person } from '../directory/person.ts'
import type { Service } from '../lifecycle.ts'
import { isMailAddress } from '../mail/settings.ts'
import { BrowserSignIns } from '../sources/browser-sign-ins.ts'
import { PostgresAppPasswordStore } from '../storage/app-password-store.ts'
import { PostgresLinkStore } from '../storage/link-store.ts'
import { PostgresNetworkPasswordStore } from '../storage/network-password-store.ts'
import { PostgresPasskeyStore } from '../storage/passkey-store.ts'
import { PostgresPasswordStore } from '../storage/password-store.ts'
import { type Keys, seal, unseal } from '../storage/sealing.ts'
import { PostgresSecondFactorStore } from '../storage/second-factor-store.ts'
import { PostgresSourceAccounts } from '../storage/source-accounts.ts'
import type { DirectoryParts, Observers } from './directory.ts'
import { localOrigin } from './local-origin.ts'
import type { LogInParts } from './log-in.ts'
import type { MailParts } from './mail.ts'
import { TenantPasswords } from './password-push.ts'

export interface PasswordParts {
  readonly setter: PasswordSetter
  readonly appPasswords: AppPasswords
  readonly networkPasswords: NetworkPasswords
  readonly secondFactors: SecondFactors
  readonly passkeys: Passkeys
  readonly activation: Activation
  /** The account pages, for the HTTP listeners. */
  readonly pages: FastifyPluginAsync
  /** Where browsers come back to from Microsoft's pages; null when nothing listens. */
  readonly signInReturn: () => string | null
  readonly services: readonly Service[]
}

/** How passwords are set, whoever sets them. */
export function makePasswords(
  input: Observers & {
    readonly config: Config
    readonly directory: DirectoryParts
    readonly logIn: LogInParts
    readonly mail: MailParts
    /** Where everything really listens, by protocol. */
    listeners(): Readonly<Record<string, readonly string[]>>
  },
): PasswordParts {
  const { config, directory, logIn, mail, log, metrics } = input
  const { database, keys, readModel, feed, credentialIndex } = directory
  const strength = new PasswordStrength()
  const push = new TenantPasswords({ directory, log })
  const canMail = async () => (await mail.store.readAccount()) !== null
  const addressOf = async ({ mail }: Person) =>
    mail === null || !isMailAddress(mail) || !(await canMail()) ? null : mail
  const setter = new PasswordSetter({
    directory: readModel,
    pool: logIn.pool,
    strength,
    store: new PostgresPasswordStore(database, keys),
    notice: async (person, { isTemporary }) => {
      const recipient = await addressOf(person)
      return recipient === null ? null : changeNotice(person, { recipient, isTemporary })
    },
    push,
    onFault: (person, error) => {
      metrics.faulted('http')
      log.error('password.fault', { principal: person.id, error })
    },
  })
  const appPasswords = new AppPasswords({
    store: new PostgresAppPasswordStore(database, keys),
    directory: readModel,
    notice: async (person, name) => {
      const recipient = await addressOf(person)
      return recipient === null ? null : appPasswordNotice(person, { recipient, name })
    },
  })
  const networkPasswords = new NetworkPasswords({
    store: new PostgresNetworkPasswordStore(database, keys),
    directory: readModel,
    notice: async (person) => {
      const recipient = await addressOf(person)
      return recipient === null ? null : networkPasswordNotice(person, { recipient })
    },
  })
  const tellOfFactor = async (person: Person, news: FactorNews) => {
    const recipient = await addressOf(person)
    return recipient === null ? null : factorNotice(person, { recipient, news })
  }
  const secondFactors = new SecondFactors({
    store: new PostgresSecondFactorStore(database, keys),
    failures: logIn.failures,
    events: logIn.events,
    notice: tellOfFactor,
  })
  const ownUrl = () => localOrigin(input.listeners(), ['https', 'http'])
  const origin = () => (config.publicUrl ?? ownUrl())?.replace(/\/$/, '') ?? null
  const passkeys = new Passkeys({
    store: new PostgresPasskeyStore(database, keys),
    origin,
    notice: tellOfFactor,
  })
  const links = new PostgresLinkStore(database, keys)
  const activation = new Activation({
    links,
    directory: readModel,
    publicUrl: config.publicUrl,
    ownUrl,
    canMail,
    onMail: () => mail.wake(),
    nowMs: Date.now,
  })
  const pages = accountPlugin({
    directory: readModel,
    authenticator: logIn.authenticator,
    setter,
    appPasswords,
    networkPasswords,
    secondFactors,
    passkeys,
    links,
    sealer: makeSealer(keys),
    primaryOf: (id) => credentialIndex.candidatesFor(id).primary,
    microsoft: {
      signIns: makeSignIns(input),
      origin,
      events: logIn.events,
      isStale: () => feed.freshness(config.maxStalenessMs) === 'too-stale',
    },
    pushedTo: (person) => push.describe(person),
    reached: async ({ inboxSeq }) => {
      mail.wake()
      await feed.reached(inboxSeq)
    },
    onFault: (id, error) => {
      metrics.faulted('http')
      log.error('account.fault', { id, error })
    },
  })
  const signInReturn = () => {
    const from = origin()
    return from === null ? null : `${from}${SIGN_IN_RETURN}`
  }
  return {
    setter,
    appPasswords,
    networkPasswords,
    secondFactors,
    passkeys,
    activation,
    pages,
    signInReturn,
    services: [strength],
  }
}

/** Signing in at the pages of sources. */
function makeSignIns({
  directory: { database, sourceRegistry },
  log,
}: Observers & { readonly directory: DirectoryParts }): BrowserSignIns {
  return new BrowserSignIns({
    registry: sourceRegistry,
    accounts: new PostgresSourceAccounts(database),
    onAlert: (alert) => log.warn('sign-in.alert', alert),
    onFault: (error) => log.warn('sign-in.fault', { error }),
  })
}

function makeSealer(keys: Keys): Sealer {
  const place = (purpose: string) => ({ table: 'account', column: purpose, row: 'browser' })
  return {
    seal: (text, purpose) => seal(keys, place(purpose), Buffer.from(text)).toString('base64url'),
    open(sealed, purpose) {
      try {
        return unseal(keys, place(purpose), Buffer.from(sealed, 'base64url')).toString('utf8')
      } catch {
        return null
      }
    },
  }
}
