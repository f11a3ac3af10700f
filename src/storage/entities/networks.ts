import { sql } from 'kysely'
import type { NasId, NetworkId } from '../../directory/id.ts'
import { type Nas, type Network, NO_TIMES } from '../../directory/network.ts'
import { type Keys, type Place, seal, unseal } from '../sealing.ts'
import { lastJournalRow } from './principal-columns.ts'
import { type EntityReader, type LastChange, lastChange } from './reader.ts'

interface NasRow extends LastChange {
  readonly id: string
  readonly version: number
  readonly name: string
  readonly addresses: readonly string[]
  readonly secrets: readonly Buffer[]
  readonly require_message_authenticator: Nas['requireMessageAuthenticator']
  readonly limit_proxy_state: boolean
  readonly secret_no: number
  readonly old_secrets_until: Date | null
  readonly signed_at: Date | null
  readonly radsec: Nas['radsec']
  readonly dynamic_authorization: Nas['dynamicAuthorization']['mode']
  readonly coa_port: number
  readonly coa_secret: Buffer | null
  readonly rate: number
}

interface NetworkRow extends LastChange {
  readonly id: string
  readonly version: number
  readonly name: string
  readonly priority: number
  readonly policy: NetworkPolicy
}

/** What a network's `policy` column holds. */
export type NetworkPolicy = Omit<Network, 'kind' | 'id' | 'version' | 'name' | 'priority'>

/** The row has no time of its own; before its first journal row it cannot be seen. */
const UNKNOWN_TIME = new Date(0)

function secretPlace(nasId: string): Place {
  return { table: 'nas', column: 'secrets', row: nasId }
}

export function sealSecrets(keys: Keys, nasId: string, secrets: readonly Buffer[]): Buffer[] {
  return secrets.map((secret) => seal(keys, secretPlace(nasId), secret))
}

function coaSecretPlace(nasId: string): Place {
  return { table: 'nas', column: 'coa_secret', row: nasId }
}

export function sealCoaSecret(keys: Keys, nasId: string, secret: Buffer): Buffer {
  return seal(keys, coaSecretPlace(nasId), secret)
}

export function makeNasReader(keys: Keys): EntityReader {
  return {
    kind: 'nas',
    async versions(db) {
      const rows = await db.selectFrom('nas').select(['id', 'version']).execute()
      return new Map(rows.map(({ id, version }) => [id, version]))
    },
    async read(db, ids) {
      const { rows } = await sql<NasRow>`
        select n.*, n.addresses::text[] as addresses, j.usn, j.stamped_at
        from nas n ${lastJournalRow('n.id')}
        where n.id = any (${ids}::uuid[])`.execute(db)
      return rows.map((row) => ({
        id: row.id,
        value: toNas(row, keys),
        ...lastChange(row, UNKNOWN_TIME),
      }))
    },
  }
}

function toNas(row: NasRow, keys: Keys): Nas {
  return {
    kind: 'nas',
    id: row.id as NasId,
    version: row.version,
    name: row.name,
    addresses: row.addresses,
    secrets: row.secrets.map((sealed) => unseal(keys, secretPlace(row.id), sealed)),
    requireMessageAuthenticator: row.require_message_authenticator,
    limitProxyState: row.limit_proxy_state,
    secretNo: row.secret_no,
    oldSecretsUntilMs: row.old_secrets_until?.getTime() ?? null,
    signedAtMs: row.signed_at?.getTime() ?? null,
    radsec: row.radsec,
    dynamicAuthorization: {
      mode: row.dynamic_authorization,
      port: row.coa_port,
      secret: row.coa_secret === null ? null : unseal(keys, coaSecretPlace(row.id), row.coa_secret),
    },
    rate: row.rate,
  }
}

export const networksReader: EntityReader = {
  kind: 'network',
  async versions(db) {
    const rows = await db.selectFrom('network').select(['id', 'version']).execute()
    return new Map(rows.map(({ id, version }) => [id, version]))
  },
  async read(db, ids) {
    const { rows } = await sql<NetworkRow>`
      select n.*, j.usn, j.stamped_at
      from network n ${lastJournalRow('n.id')}
      where n.id = any (${ids}::uuid[])`.execute(db)
    return rows.map((row) => ({
      id: row.id,
      value: {
        // Policies from before these were kept have none.
        ...NO_TIMES,
        ...row.policy,
        kind: 'network',
        id: row.id as NetworkId,
        version: row.version,
        name: row.name,
        priority: row.priority,
      },
      ...lastChange(row, UNKNOWN_TIME),
    }))
  },
}
