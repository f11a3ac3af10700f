import type { Body, Microsoft365Bench } from './microsoft365.ts'

const INITIAL = {
  users: '/users/delta?$select=displayName,department,mobilePhone',
  groups: '/groups/delta?$select=displayName,members',
} as const

/**
 * The simplest client that keeps Microsoft's delta rules: absent is left alone, null clears,
 * `@removed` removes, a deleted user leaves every group, a lost token begins anew with a
 * generation. What it holds after a quiet round must be the tenant.
 */
export class DeltaMirror {
  readonly users = new Map<string, Record<string, unknown>>()
  readonly groups = new Map<string, { name: unknown; members: Set<string> }>()
  /**
   * People and groups that came after the beginning, some of them back from the recycle bin. groups/delta may
   * have said nothing of their memberships, so these are read; and read again each time, because a
   * replica may have answered with what was.
   */
  readonly #returned = new Map<string, 'users' | 'groups'>()
  #usersLink: string | null = null
  #groupsLink: string | null = null
  readonly #bench: Microsoft365Bench

  constructor(bench: Microsoft365Bench) {
    this.#bench = bench
  }

  async sync(): Promise<void> {
    const isFirst = this.#usersLink === null
    this.#usersLink = await this.#follow('users', this.#usersLink, (object) =>
      this.#takeUser(object),
    )
    this.#groupsLink = await this.#follow('groups', this.#groupsLink, (object) =>
      this.#takeGroup(object),
    )
    if (isFirst) this.#returned.clear()
    for (const [id, kind] of this.#returned) await this.#readMemberships(kind, id)
  }

  /** One round; from the beginning again when the token is gone. */
  async #follow(
    kind: 'users' | 'groups',
    link: string | null,
    take: (object: Body) => void,
  ): Promise<string> {
    if (link === null) return this.#enumerate(kind, take)
    return (await this.#pages(link, take)) ?? this.#enumerate(kind, take)
  }

  /** Everything anew; what is not among it is gone. */
  async #enumerate(kind: 'users' | 'groups', take: (object: Body) => void): Promise<string> {
    const held = kind === 'users' ? this.users : this.groups
    for (;;) {
      const seen = new Set<string>()
      if (kind === 'groups') for (const group of this.groups.values()) group.members.clear()
      const deltaLink = await this.#pages(INITIAL[kind], (object) => {
        seen.add(object.id)
        take(object)
      })
      if (deltaLink === null) continue
      for (const id of [...held.keys()]) if (!seen.has(id)) this.#drop(held, id)
      return deltaLink
    }
  }

  /** Reads pages to the deltaLink; null when Graph has forgotten the token. */
  async #pages(start: string, take: (object: Body) => void): Promise<string | null> {
    let next = start
    for (;;) {
      const { status, body } = await this.#patiently(next)
      if (status === 410 || status === 400) return null
      for (const object of body.value) take(object)
      if (body['@odata.deltaLink'] !== undefined) return body['@odata.deltaLink']
      next = body['@odata.nextLink']
    }
  }

  /** Again on what passes: 429, 5xx, broken bodies, broken connections. */
  async #patiently(path: string): Promise<{ status: number; body: Body }> {
    for (let attempt = 0; attempt < 40; attempt++) {
      try {
        const reply = await this.#bench.graph(path)
        if (reply.status === 429 || reply.status >= 500) continue
        return { status: reply.status, body: reply.body }
      } catch {
        // A body that ends early or is no JSON, a connection that breaks: the same call again.
      }
    }
    throw new Error(`${path} never succeeded`)
  }

  #takeUser(object: Body): void {
    const { id, ...values } = object
    if (object['@removed']) {
      this.#drop(this.users, id)
      return
    }
    if (!this.users.has(id)) this.#returned.set(id, 'users')
    this.users.set(id, { ...this.users.get(id), ...values })
  }

  #takeGroup(object: Body): void {
    if (object['@removed']) {
      this.#drop(this.groups, object.id)
      return
    }
    if (!this.groups.has(object.id)) this.#returned.set(object.id, 'groups')
    const group = this.groups.get(object.id) ?? { name: null, members: new Set() }
    if (object.displayName !== undefined) group.name = object.displayName
    for (const member of object['members@delta'] ?? []) {
      if (member['@removed']) group.members.delete(member.id)
      else group.members.add(member.id)
    }
    this.groups.set(object.id, group)
  }

  /** What is deleted leaves every group, which no group tells of. */
  #drop(held: Map<string, unknown>, id: string): void {
    held.delete(id)
    for (const group of this.groups.values()) group.members.delete(id)
  }

  async #readMemberships(kind: 'users' | 'groups', id: string): Promise<void> {
    const { status, body } = await this.#patiently(`/${kind}/${id}/memberOf?$select=id&$top=999`)
    if (status !== 200) return
    const groups = new Set<string>(body.value.map((group: Body) => group.id))
    for (const [groupId, { members }] of this.groups) {
      if (groups.has(groupId)) members.add(id)
      else members.delete(id)
    }
  }
}
