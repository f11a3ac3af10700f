import { createHash } from 'node:crypto'
import {
  type RoleHolder,
  type Source,
  SourceError,
  type SourceIdentity,
  type SourceItem,
  type Step,
  type Stream,
} from '../source.ts'
import { Graph, type GraphAnswer, isObject, nonsense, refusal } from './graph.ts'
import { type HttpsFetch, makeHttpsFetch } from './https.ts'
import type { GraphMeter } from './meter.ts'
import type { Timing } from './middleware.ts'
import { readRoles } from './roles.ts'
import type { Microsoft365Config, Microsoft365Secret } from './settings.ts'
import { AppSignIn } from './sign-in.ts'
import { GROUP_SELECT, toGroupItem, toPersonItem, USER_SELECT } from './translate.ts'

const SELECT: Readonly<Record<Stream, string>> = {
  people: USER_SELECT.join(','),
  groups: GROUP_SELECT.join(','),
}
const COLLECTION: Readonly<Record<Stream, string>> = { people: 'users', groups: 'groups' }
/** 400s that say "this token is of no use any more". */
const EXPIRED_CODES: ReadonlySet<string> = new Set([
  'syncstatenotfound',
  'syncstateinvalid',
  'resyncrequired',
  'resyncapplydifferences',
  'resyncuploaddifferences',
])

/** Users and groups of a Microsoft 365 tenant, through delta queries. */
export class Microsoft365Source implements Source {
  readonly #graph: Graph
  readonly #tenantId: string

  constructor(parts: {
    readonly config: Microsoft365Config
    readonly secret: Microsoft365Secret
    readonly fetch?: HttpsFetch
    readonly timing?: Partial<Timing>
    readonly meter?: GraphMeter | null
  }) {
    const { config, secret } = parts
    const fetch = parts.fetch ?? makeHttpsFetch(config.ca)
    const meter = parts.meter ?? null
    const tokens = new AppSignIn({ config, secret, fetch, meter })
    const timing = parts.timing ?? {}
    this.#tenantId = config.tenantId
    this.#graph = new Graph({ graphUrl: config.graphUrl, tokens, fetch, timing, meter })
  }

  fingerprint(stream: Stream): string {
    return createHash('sha256').update(SELECT[stream]).digest('hex').slice(0, 16)
  }

  async read(stream: Stream, link: string | null, signal: AbortSignal): Promise<Step> {
    const from = link ?? this.#graph.link(`/${COLLECTION[stream]}/delta?$select=${SELECT[stream]}`)
    const answer = await this.#graph.getJson(from, signal)
    return answer.kind === 'ok' ? toStep(stream, answer.body) : this.#toEnd(stream, from, answer)
  }

  /** Everything but a page: the token has died, Graph starts anew, or says no. */
  #toEnd(stream: Stream, link: string, answer: Extract<GraphAnswer, { kind: 'error' }>): Step {
    const code = answer.code.toLowerCase()
    const isPage = /[?&]\$skiptoken=/i.test(link)
    if (answer.status === 410) return { kind: 'reset', link: this.#usable(stream, answer.location) }
    if (code === 'directory_expiredpagetoken') {
      return isPage ? { kind: 'stale-page' } : { kind: 'expired' }
    }
    if (answer.status === 400 && EXPIRED_CODES.has(code)) return { kind: 'expired' }
    if (answer.status === 404 && isPage) return { kind: 'stale-page' }
    throw refusal(answer)
  }

  /** A link to begin again with is taken only if it still asks what we want to know. */
  #usable(stream: Stream, location: string | null): string | null {
    if (location === null || !URL.canParse(location)) return null
    const url = new URL(location)
    const isOurs = url.origin === new URL(this.#graph.link('')).origin
    return isOurs && url.searchParams.get('$select') === SELECT[stream] ? location : null
  }

  async identify(signal: AbortSignal): Promise<SourceIdentity> {
    this.#graph.forgetToken()
    const link = this.#graph.link('/organization?$select=id,displayName,verifiedDomains')
    const answer = await this.#graph.getJson(link, signal)
    if (answer.kind === 'error') throw refusal(answer)
    const [organization] = readValue(answer.body)
    if (!isObject(organization)) throw nonsense('no organization')
    const { id, displayName, verifiedDomains } = organization as Record<string, unknown>
    const defaultDomain = findDefaultDomain(verifiedDomains)
    if (typeof id !== 'string' || typeof displayName !== 'string' || defaultDomain === null) {
      throw nonsense('an organization without id, name or domain')
    }
    this.#checkTenant(id)
    return { tenantId: id, organization: displayName, defaultDomain }
  }

  /** A consent page's word for the tenant proves nothing; the token's tenant does. */
  #checkTenant(id: string): void {
    const isGuid = /^[0-9a-f-]{36}$/i.test(this.#tenantId)
    if (!isGuid || id.toLowerCase() === this.#tenantId.toLowerCase()) return
    throw new SourceError('SOURCE_REFUSED', `the credentials lead to another tenant, ${id}`)
  }

  readRoles(signal: AbortSignal): Promise<readonly RoleHolder[] | string> {
    return readRoles(this.#graph, signal)
  }

  count(stream: Stream, signal: AbortSignal): Promise<number> {
    return this.#graph.getCount(this.#graph.link(`/${COLLECTION[stream]}/$count`), signal)
  }
}

function toStep(stream: Stream, body: Readonly<Record<string, unknown>>): Step {
  const toItem = stream === 'people' ? toPersonItem : toGroupItem
  const items: readonly SourceItem[] = readValue(body).map(toItem)
  const nextLink = body['@odata.nextLink']
  const deltaLink = body['@odata.deltaLink']
  if (typeof nextLink === 'string') return { kind: 'page', items, nextLink }
  if (typeof deltaLink === 'string') return { kind: 'end', items, deltaLink }
  throw nonsense('a page without a link to go on')
}

function readValue(body: Readonly<Record<string, unknown>>): readonly unknown[] {
  const value = body['value']
  if (!Array.isArray(value)) throw nonsense('an answer without its list')
  return value
}

function findDefaultDomain(domains: unknown): string | null {
  if (!Array.isArray(domains)) return null
  const found: unknown = domains.find((domain) => isObject(domain) && domain['isDefault'] === true)
  return isObject(found) && typeof found['name'] === 'string' ? found['name'].toLowerCase() : null
}
