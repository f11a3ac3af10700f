import { sql } from 'kysely'
import { DEFAULT_PASSWORD_POLICY, type PasswordPolicy } from '../../directory/password-policy.ts'
import { lastJournalRow } from './principal-columns.ts'
import { type EntityReader, type LastChange, lastChange } from './reader.ts'

interface SettingsRow extends LastChange {
  readonly id: string
  readonly version: number
  readonly domain: string | null
  readonly organization: string | null
  readonly allow_plaintext_binds: boolean
  readonly allow_network_passwords: boolean
  readonly password_policy: Partial<PasswordPolicy>
}

export const settingsReader: EntityReader = {
  kind: 'settings',
  async versions(db) {
    const rows = await db.selectFrom('settings').select(['id', 'version']).execute()
    return new Map(rows.map(({ id, version }) => [id, version]))
  },
  async read(db, ids) {
    const { rows } = await sql<SettingsRow>`
      select s.*, j.usn, j.stamped_at
      from settings s ${lastJournalRow('s.id')}
      where s.id = any (${ids}::uuid[])`.execute(db)
    return rows.map((row) => ({
      id: row.id,
      value: {
        kind: 'settings',
        id: row.id,
        version: row.version,
        domain: row.domain,
        organization: row.organization,
        allowPlaintextBinds: row.allow_plaintext_binds,
        allowNetworkPasswords: row.allow_network_passwords,
        passwordPolicy: { ...DEFAULT_PASSWORD_POLICY, ...row.password_policy },
      },
      ...lastChange(row, new Date(0)),
    }))
  },
}
