import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { sql } from 'kysely'
import type { DirectorySettings } from '../directory/change.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { Actor } from '../directory/ports/people.ts'
import { journal } from './journal.ts'
import type { Tx } from './written.ts'

type SettingsChange = Partial<Omit<DirectorySettings, 'kind' | 'id' | 'version'>>

/** @returns 1 when something changed, else 0 */
export async function writeSettings(tx: Tx, change: SettingsChange, actor: Actor): Promise<number> {
  await tx
    .insertInto('settings')
    .values({ id: randomUUID() })
    .onConflict((conflict) => conflict.column('one').doNothing())
    .execute()
  const before = await tx.selectFrom('settings').selectAll().forUpdate().executeTakeFirstOrThrow()
  const after = {
    domain: change.domain === undefined ? before.domain : change.domain,
    organization: change.organization === undefined ? before.organization : change.organization,
    allow_plaintext_binds: change.allowPlaintextBinds ?? before.allow_plaintext_binds,
    allow_network_passwords: change.allowNetworkPasswords ?? before.allow_network_passwords,
    password_policy: change.passwordPolicy ?? before.password_policy,
  }
  if (before.domain !== null && after.domain !== before.domain) {
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      `the domain is ${before.domain} for good: every DN that clients have stored is made from it`,
    )
  }
  const isSame =
    after.domain === before.domain &&
    after.organization === before.organization &&
    after.allow_plaintext_binds === before.allow_plaintext_binds &&
    after.allow_network_passwords === before.allow_network_passwords &&
    isDeepStrictEqual(after.password_policy, before.password_policy)
  if (isSame) return 0
  const { version } = await tx
    .updateTable('settings')
    .set({
      ...after,
      password_policy: JSON.stringify(after.password_policy),
      version: sql`nextval('entity_version')`,
    })
    .returning('version')
    .executeTakeFirstOrThrow()
  journal(tx, {
    kind: 'settings',
    entity: before.id,
    version,
    actor,
    detail: { after: { ...change } },
  })
  return 1
}
