import type { FollowedKind } from '../../directory/change.ts'
import type { StorageError } from '../fault.ts'
import type { Keys } from '../sealing.ts'
import { clientCertificatesReader, makeClientAuthoritiesReader } from './certificates.ts'
import { credentialsReader } from './credentials.ts'
import { devicesReader } from './devices.ts'
import { groupsReader } from './groups.ts'
import { makeGuestsReader } from './guests.ts'
import { makeNasReader, networksReader } from './networks.ts'
import { peopleReader } from './people.ts'
import type { EntityReader } from './reader.ts'
import { makeRealmReader } from './realms.ts'
import { administratorsReader, servicesReader } from './services.ts'
import { settingsReader } from './settings.ts'

/** How each kind is read, in the order in which a start hands them over: groups know no people yet. */
export function makeReaders(
  keys: Keys,
  onUnreadable: (error: StorageError) => void,
): ReadonlyMap<FollowedKind, EntityReader> {
  const readers = [
    settingsReader,
    administratorsReader,
    servicesReader,
    makeNasReader(keys),
    networksReader,
    makeRealmReader(keys),
    devicesReader,
    makeGuestsReader(keys, onUnreadable),
    peopleReader,
    groupsReader,
    credentialsReader,
    makeClientAuthoritiesReader(keys),
    clientCertificatesReader,
  ]
  return new Map(readers.map((reader) => [reader.kind, reader]))
}
