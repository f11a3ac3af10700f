import type {
  RoleHolder,
  Source,
  SourceGroup,
  SourceIdentity,
  SourceItem,
  SourcePerson,
  Step,
  Stream,
} from '../../src/sources/source.ts'
import type { Database } from '../../src/storage/connection.ts'
import { PostgresSourceRegistry } from '../../src/storage/sync-sources.ts'
import { KEYS, TESTER } from './sync.ts'

/** A source that answers what it is told to, a step at a time; then with an empty delta. */
export class FakeSource implements Source {
  readonly script: Record<Stream, Step[]> = { people: [], groups: [] }
  /** Links it was asked with, null for "everything". */
  readonly asked: { readonly stream: Stream; readonly link: string | null }[] = []
  print = 'first'
  counts: Partial<Record<Stream, number>> = {}
  roles: readonly RoleHolder[] | string = []
  #links = 0

  fingerprint(): string {
    return this.print
  }

  read(stream: Stream, link: string | null): Promise<Step> {
    this.asked.push({ stream, link })
    const [next] = this.script[stream].splice(0, 1)
    return Promise.resolve(next ?? this.end([]))
  }

  identify(): Promise<SourceIdentity> {
    const identity = {
      tenantId: 'tenant',
      organization: 'Contoso',
      defaultDomain: 'contoso.example',
    }
    return Promise.resolve(identity)
  }

  count(stream: Stream): Promise<number | null> {
    return Promise.resolve(this.counts[stream] ?? null)
  }

  readRoles(): Promise<readonly RoleHolder[] | string> {
    return Promise.resolve(this.roles)
  }

  /** The last answer of a round. */
  end(items: readonly SourceItem[]): Step {
    this.#links += 1
    return { kind: 'end', items, deltaLink: `delta-${this.#links}` }
  }

  page(items: readonly SourceItem[]): Step {
    this.#links += 1
    return { kind: 'page', items, nextLink: `page-${this.#links}` }
  }

  /** One answer for the next round of a stream. */
  says(stream: Stream, items: readonly SourceItem[]): void {
    this.script[stream].push(this.end(items))
  }
}

export function aPerson(id: string, values: SourcePerson['values'] = {}): SourcePerson {
  return {
    kind: 'person',
    externalId: id,
    values: {
      displayName: `Person ${id}`,
      userPrincipalName: `${id}@contoso.example`,
      isEnabled: true,
      isGuest: false,
      ...values,
    },
  }
}

export function aGroup(
  id: string,
  members: readonly string[],
  displayName = `Group ${id}`,
): SourceGroup {
  return {
    kind: 'group',
    externalId: id,
    values: { displayName },
    members: members.map((externalId) => ({ externalId, type: 'person', isMember: true })),
  }
}

export function without(group: SourceGroup, members: readonly string[]): SourceGroup {
  const gone = members.map(
    (externalId) => ({ externalId, type: 'person', isMember: false }) as const,
  )
  return { ...group, members: gone }
}

export function gone(externalId: string): SourceItem {
  return { kind: 'gone', externalId }
}

/** Connects a fake source, with nothing of it read. */
export async function connectFake(db: Database, source: FakeSource) {
  const registry = new PostgresSourceRegistry({ db, keys: KEYS })
  const sourceId = await registry.connect(
    {
      kind: 'fake',
      name: 'fake',
      config: { tenantId: 'tenant' },
      secret: Buffer.from('{}'),
      identity: await source.identify(),
      state: 'active',
    },
    TESTER,
  )
  return { registry, sourceId }
}
