import type { Guest, GuestSecret } from '../../directory/guest.ts'
import type { PrincipalId } from '../../directory/id.ts'
import { sealNetworkSecret, unsealNetworkSecret } from '../network-secret.ts'
import type { Keys, Place } from '../sealing.ts'
import type { EntityReader } from './reader.ts'
import { makeTableReader, type OwnRow } from './table-reader.ts'

interface GuestRow extends OwnRow {
  readonly name: string
  readonly label: string | null
  readonly company: string | null
  readonly note: string | null
  readonly sponsor_id: string | null
  readonly starts_at: Date
  readonly expires_at: Date
  readonly revoked_at: Date | null
  readonly secret: Buffer
}

export function makeGuestsReader(keys: Keys): EntityReader {
  return makeTableReader<GuestRow>('guest', 'guest', (row) => toGuest(row, keys))
}

export function sealGuestSecret(keys: Keys, id: string, secret: GuestSecret): Buffer {
  return sealNetworkSecret(keys, placeOf(id), secret)
}

function toGuest(row: GuestRow, keys: Keys): Guest {
  const { ntHash, password } = unsealNetworkSecret(keys, placeOf(row.id), row.secret)
  if (password === null) throw new Error(`the guest ${row.id} has no password`)
  return {
    kind: 'guest',
    id: row.id as PrincipalId,
    version: row.version,
    name: row.name,
    label: row.label,
    company: row.company,
    note: row.note,
    sponsorId: row.sponsor_id as PrincipalId | null,
    startsAtMs: row.starts_at.getTime(),
    expiresAtMs: row.expires_at.getTime(),
    revokedAtMs: row.revoked_at?.getTime() ?? null,
    createdAtMs: row.created_at.getTime(),
    secret: { ntHash, password },
  }
}

function placeOf(id: string): Place {
  return { table: 'guest', column: 'secret', row: id }
}
