import type { Authenticator } from '../../credentials/authenticate.ts'
import type { Directory } from '../../directory/directory.ts'
import { EntryEncoder } from './encoder.ts'
import { NameCache } from './name-cache.ts'
import { PageCookies } from './page-cookie.ts'
import { Selections } from './selection.ts'
import type { ShapeContext } from './shapes/shape.ts'
import { ContainerEntries } from './synthetic.ts'
import { Tree } from './tree.ts'

export interface LdapGatewayParts {
  readonly directory: Directory
  readonly authenticator: Authenticator
  /** Shown in the root DSE. */
  readonly vendorVersion: string
  /** Whether StartTLS can be offered just now. */
  readonly hasTls: () => boolean
  /** Secret behind page cookies, the same for all daemons behind one address; random by default. */
  readonly cookieKey?: Buffer
}

/** Everything whose bytes depend on the base DN. */
export interface Served {
  readonly domain: string
  readonly tree: Tree
  readonly names: NameCache
  readonly encoder: EntryEncoder
  readonly containers: ContainerEntries
}

/** What a search needs: the viewer's rights and the caches all sessions share. */
export type SearchContext = ShapeContext & Served

/** What all sessions share. */
export class Serving {
  readonly directory: Directory
  readonly authenticator: Authenticator
  readonly vendorVersion: string
  readonly hasTls: () => boolean
  readonly selections = new Selections()
  /** Of searches that need no viewer: strangers must not push out what the others ask for. */
  readonly publicSelections = new Selections()
  readonly cookies: PageCookies
  #served: Served | null = null

  constructor(parts: LdapGatewayParts) {
    this.directory = parts.directory
    this.authenticator = parts.authenticator
    this.vendorVersion = parts.vendorVersion
    this.hasTls = parts.hasTls
    this.cookies = new PageCookies(parts.cookieKey)
  }

  /** The tree that is served; null until the directory has a domain. */
  get served(): Served | null {
    const { domain } = this.directory.settings
    if (domain === null) return null
    if (this.#served?.domain !== domain) {
      const tree = new Tree(domain)
      this.#served = {
        domain,
        tree,
        names: new NameCache(tree),
        encoder: new EntryEncoder(),
        containers: new ContainerEntries(),
      }
    }
    return this.#served
  }
}
