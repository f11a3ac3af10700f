import type { MailControl } from '../admin/parts.ts'
import type { Service } from '../lifecycle.ts'
import { MailDeliverer } from '../mail/deliverer.ts'
import type { MailStore } from '../mail/mail-store.ts'
import { deliverTest } from '../mail/transport.ts'
import { PostgresMailStore } from '../storage/mail-store.ts'
import type { DirectoryParts, Observers } from './directory.ts'

export interface MailParts {
  readonly control: MailControl
  readonly store: MailStore
  /** Something was put out just now. */
  wake(): void
  readonly services: readonly Service[]
}

/** Mail to people: what waits is sent by whichever daemon takes it. */
export function makeMail(
  input: Pick<Observers, 'log'> & { readonly directory: DirectoryParts },
): MailParts {
  const { log, directory } = input
  const store = new PostgresMailStore(directory.database, directory.keys)
  const deliverer = new MailDeliverer({
    store,
    onSettled: (mail, { kind, ...rest }) => {
      const line = { id: mail.id, about: mail.kind, ...rest }
      if (kind === 'sent') log.info('mail.sent', line)
      else log.warn(kind === 'failed' ? 'mail.failed' : 'mail.postponed', line)
    },
    onFault: (error) => log.warn('mail.not-looked-at', { error }),
  })
  const control: MailControl = {
    async read() {
      const account = await store.readAccount()
      if (account === null) return null
      return { settings: account.settings, hasPassword: account.password !== null }
    },
    async configure(settings, password, actor) {
      await store.configure(settings, password, actor)
      deliverer.wake()
    },
    async test(recipient) {
      const account = await store.readAccount()
      if (account === null) return 'nobody has said yet how mail is sent'
      const delivery = await deliverTest(account, recipient)
      return delivery.kind === 'sent' ? null : delivery.reason
    },
    list: (limit) => store.list(limit),
  }
  return { control, store, wake: () => deliverer.wake(), services: [deliverer] }
}
