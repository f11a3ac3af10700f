import { ClientTable, type RadiusClient, SharedSecret } from '../../../protocols/radius/index.ts'
import type { Directory } from '../../directory/directory.ts'
import type { Nas } from '../../directory/network.ts'

export interface NasClient extends RadiusClient {
  readonly nas: Nas
}

/** The directory's NAS over UDP as clients of the RADIUS server, by their addresses. */
export class NasTable {
  readonly #directory: Pick<Directory, 'allNas'>
  #source: readonly Nas[] | null = null
  #table = new ClientTable<NasClient>([])

  constructor(directory: Pick<Directory, 'allNas'>) {
    this.#directory = directory
  }

  find(address: string): NasClient | null {
    const source = this.#directory.allNas()
    // The read model gives the same list until a NAS changes.
    if (source !== this.#source) {
      this.#table = new ClientTable(
        source.filter(({ secrets, radsec }) => secrets.length > 0 && radsec === null).map(toClient),
      )
      this.#source = source
    }
    return this.#table.find(address)
  }
}

export function toClient(nas: Nas): NasClient {
  return {
    nas,
    name: nas.name,
    addresses: nas.addresses,
    secrets: nas.secrets.map((secret) => new SharedSecret(secret)),
    requireMessageAuthenticator: nas.requireMessageAuthenticator,
    hasSigned: nas.signedAtMs !== null,
    limitProxyState: nas.limitProxyState,
    rate: nas.rate,
  }
}
