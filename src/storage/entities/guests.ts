import type { Guest, GuestSecret } from '../../directory/guest.ts'
import type { PrincipalId } from '../../directory/id.ts'
import { StorageError } from '../fault.ts'
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

/** @param onUnreadable told of a guest whose secret does not open, each time it is read */
export function makeGuestsReader(
  keys: Keys,
  onUnreadable: (error: StorageError) => void,
): EntityReader {
  return makeTableReader<GuestRow>('guest', 'guest', (row) =>
    toGuest(row, openSecret(row, keys, onUnreadable)),
  )
}

export function sealGuestSecret(keys: Keys, id: string, secret: GuestSecret): Buffer {
  return sealNetworkSecret(keys, placeOf(id), secret)
}

/** One row that was altered must not keep everybody out: it is followed without its secret. */
function openSecret(
  { id, secret }: GuestRow,
  keys: Keys,
  onUnreadable: (error: StorageError) => void,
): GuestSecret | null {
  try {
    const { ntHash, password } = unsealNetworkSecret(keys, placeOf(id), secret)
    if (password !== null) return { ntHash, password }
    throw new StorageError('STORAGE_KEY', `guest.secret of ${id} holds no password`)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    onUnreadable(error)
    return null
  }
}

function toGuest(row: GuestRow, secret: GuestSecret | null): Guest {
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
    secret,
  }
}

function placeOf(id: string): Place {
  return { table: 'guest', column: 'secret', row: id }
}
