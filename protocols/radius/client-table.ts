import { maskAddress, parseAddress, parseCidr } from './address.ts'
import type { SharedSecret } from './shared-secret.ts'

/** A peer that may ask: a NAS, or a proxy. */
export interface RadiusClient {
  readonly name: string
  /** CIDR blocks or single addresses. */
  readonly addresses: readonly string[]
  /** Newest first; more than one while a rotation is under way. Never empty. */
  readonly secrets: readonly SharedSecret[]
  /**
   * Whether an Access-Request without Message-Authenticator is discarded (CVE-2024-3596). `auto`
   * starts to demand it when the client has shown, outside EAP, that it can.
   */
  readonly requireMessageAuthenticator: 'yes' | 'no' | 'auto'
  /** Under `auto`: it has shown so before, and is held to it from the first packet. */
  readonly hasSigned?: boolean
  /** Without Message-Authenticator, accept only requests that carry no Proxy-State. */
  readonly limitProxyState: boolean
  /** Log-ins a second from each of its addresses, over ten seconds; unlimited when left out. */
  readonly rate?: number
}

/** Sources remembered with the client they led to; a scan of more is only slower. */
const MAX_REMEMBERED = 4096

/** Finds the client of an address: the longest prefix over all clients wins. */
export class ClientTable<Client extends RadiusClient = RadiusClient> {
  /** Prefixes of each family, longest first, each with its blocks. */
  readonly #blocks: readonly PrefixBlocks<Client>[]
  readonly #remembered = new Map<string, Client | null>()

  /**
   * A block that two clients name belongs to the first of them; an entry that is no CIDR block is
   * passed over, since one typing error must not shut out every other client.
   */
  constructor(clients: readonly Client[]) {
    const byPrefix = new Map<string, PrefixBlocks<Client>>()
    for (const client of clients) {
      for (const text of client.addresses) addBlock(byPrefix, text, client)
    }
    this.#blocks = [...byPrefix.values()].sort((a, b) => b.prefixLength - a.prefixLength)
  }

  /** Null for an address that belongs to nobody. */
  find(address: string): Client | null {
    const remembered = this.#remembered.get(address)
    if (remembered !== undefined) return remembered
    const client = this.#search(address)
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear()
    this.#remembered.set(address, client)
    return client
  }

  #search(address: string): Client | null {
    const bytes = parseAddress(address)
    if (bytes === null) return null
    for (const { sizeBytes, prefixLength, clients } of this.#blocks) {
      if (sizeBytes !== bytes.length) continue
      const client = clients.get(maskAddress(bytes, prefixLength).toString('hex'))
      if (client !== undefined) return client
    }
    return null
  }
}

interface PrefixBlocks<Client> {
  readonly sizeBytes: number
  readonly prefixLength: number
  readonly clients: Map<string, Client>
}

function addBlock<Client>(
  byPrefix: Map<string, PrefixBlocks<Client>>,
  text: string,
  client: Client,
): void {
  const cidr = parseCidr(text)
  if (cidr === null) return
  const { network, prefixLength } = cidr
  const key = `${network.length}/${prefixLength}`
  const blocks = byPrefix.get(key) ?? {
    sizeBytes: network.length,
    prefixLength,
    clients: new Map(),
  }
  const block = network.toString('hex')
  if (!blocks.clients.has(block)) blocks.clients.set(block, client)
  byPrefix.set(key, blocks)
}
