import { setTimeout as sleep } from 'node:timers/promises'
import { printable } from '../foreign-text.ts'
import { SourceError } from '../source.ts'
import { certificateBody } from './client-certificate.ts'
import { Graph, isObject } from './graph.ts'
import type { HttpsFetch } from './https.ts'
import type { TokenProvider } from './sign-in.ts'
import { GRAPH_ID } from './steps.ts'

/** What was made a moment ago is not everywhere yet. */
const PATIENCE_MS = 60_000
const PAUSE_MS = 2_000
const ROLE_NEEDED =
  'whoever signs in has to be a Global Administrator, or an Application Administrator who is ' +
  'also a Privileged Role Administrator'

type Row = Readonly<Record<string, unknown>>

/** A role of the directory, by the id of its template, which is the same in every tenant. */
export interface DirectoryRole {
  readonly id: string
  readonly name: string
}

export interface WantedApp {
  readonly displayName: string
  /** Finds it again: whatever was made before a crash is gone on with. */
  readonly tag: string
  /** PEM; takes the place of all others the application has. */
  readonly certificate: string
  readonly permissions: readonly string[]
  /** That its service principal has to hold; null for none. */
  readonly role: DirectoryRole | null
}

/**
 * Makes the app registration of a tenant as it is wanted, with an administrator's token: each step
 * looks first at what is there, so that all of it may be repeated.
 */
export class AppSetup {
  readonly #graph: Graph
  readonly #signal: AbortSignal
  readonly #onStep: (step: string) => Promise<void>

  constructor(parts: {
    readonly graphUrl: string
    readonly tokens: TokenProvider
    readonly fetch: HttpsFetch
    readonly signal: AbortSignal
    /** Told before each step, in words. */
    readonly onStep: (step: string) => Promise<void>
  }) {
    this.#graph = new Graph(parts)
    this.#signal = parts.signal
    this.#onStep = parts.onStep
  }

  /** Whose administrator has signed in. */
  async readTenantId(): Promise<string> {
    const [organization] = await this.#list('/organization?$select=id')
    return textOf(organization, 'id')
  }

  /**
   * @returns the application's client id, and the object id of its registration
   * @throws {SourceError} `SOURCE_REFUSED` when the administrator may not do it
   */
  async make(wanted: WantedApp): Promise<{ clientId: string; applicationId: string }> {
    await this.#onStep('registering the application')
    const application = await this.#register(wanted)
    const clientId = textOf(application, 'appId')
    await this.#onStep('giving it its service principal')
    const principalId = textOf(await this.#enrol(clientId), 'id')
    await this.#onStep('granting permissions')
    await this.#grant(principalId, wanted.permissions)
    if (wanted.role !== null) {
      await this.#onStep(`assigning the role ${wanted.role.name}`)
      await this.#assign(principalId, wanted.role)
    }
    return { clientId, applicationId: textOf(application, 'id') }
  }

  async #register(wanted: WantedApp): Promise<Row> {
    const { displayName, tag, certificate } = wanted
    const key = certificateBody(certificate)
    const keyCredentials = [
      { type: 'AsymmetricX509Cert', usage: 'Verify', displayName: 'CN=Gatehouse', key },
    ]
    const [known, ...others] = await this.#list(
      `/applications?$filter=${encode(`tags/any(t:t eq '${tag}')`)}`,
    )
    if (known === undefined) {
      const body = { displayName, signInAudience: 'AzureADMyOrg', tags: [tag], keyCredentials }
      return this.#post('/applications', body)
    }
    refuseForeign(known, others.length)
    const answer = await this.#graph.send(
      'PATCH',
      this.#graph.link(`/applications/${encode(textOf(known, 'id'))}`),
      { body: { keyCredentials }, signal: this.#signal },
    )
    if (answer.kind === 'error') throw refused(answer)
    return known
  }

  async #enrol(clientId: string): Promise<Row> {
    const query = `/servicePrincipals?$filter=${encode(`appId eq '${clientId}'`)}&$select=id,appId`
    return this.#eventually(async () => {
      const [known] = await this.#list(query)
      return known ?? (await this.#post('/servicePrincipals', { appId: clientId }))
    })
  }

  /** Permissions are found by name, so that no id of ours can be out of date. */
  async #grant(principalId: string, permissions: readonly string[]): Promise<void> {
    const [graph] = await this.#list(
      `/servicePrincipals?$filter=${encode(`appId eq '${GRAPH_ID}'`)}&$select=id,appRoles`,
    )
    const resourceId = textOf(graph, 'id')
    const path = `/servicePrincipals/${encode(principalId)}/appRoleAssignments`
    const there = await this.#eventually(() => this.#list(path))
    const granted = new Set(there.map((assignment) => String(assignment['appRoleId'])))
    for (const permission of permissions) {
      const appRoleId = findRole(graph, permission)
      if (granted.has(appRoleId)) continue
      await this.#eventually(() => this.#post(path, { principalId, resourceId, appRoleId }))
    }
  }

  async #assign(principalId: string, role: DirectoryRole): Promise<void> {
    const path = '/roleManagement/directory/roleAssignments'
    const held = await this.#list(`${path}?$filter=${encode(`principalId eq '${principalId}'`)}`)
    if (held.some((assignment) => assignment['roleDefinitionId'] === role.id)) return
    await this.#eventually(() =>
      this.#post(path, { principalId, roleDefinitionId: role.id, directoryScopeId: '/' }),
    )
  }

  async #list(path: string): Promise<readonly Row[]> {
    const answer = await this.#graph.getJson(this.#graph.link(path), this.#signal)
    if (answer.kind === 'error') throw refused(answer)
    const { value } = answer.body
    return Array.isArray(value) ? value.filter(isObject) : []
  }

  async #post(path: string, body: object): Promise<Row> {
    const parts = { body, signal: this.#signal }
    const answer = await this.#graph.send('POST', this.#graph.link(path), parts)
    if (answer.kind === 'ok') return answer.body
    throw refused(answer)
  }

  async #eventually<T>(work: () => Promise<T>): Promise<T> {
    const untilMs = performance.now() + PATIENCE_MS
    for (;;) {
      try {
        return await work()
      } catch (error) {
        const isLag = error instanceof NotThereYet && performance.now() < untilMs
        if (!isLag) throw error
        await sleep(PAUSE_MS, undefined, { signal: this.#signal })
      }
    }
  }
}

/** Rights are given to an application only whose keys are ours alone. */
function refuseForeign(known: Row, others: number): void {
  const { passwordCredentials: secrets, signInAudience: audience } = known
  const isBare = Array.isArray(secrets) && secrets.length === 0
  if (others === 0 && isBare && audience === 'AzureADMyOrg') return
  const why =
    others > 0
      ? 'several app registrations carry the tag of this installation'
      : `the app registration ${textOf(known, 'appId')} carries the tag of this installation, but has ` +
        'a client secret or is open to other tenants'
  throw new SourceError(
    'SOURCE_REFUSED',
    `${why}; it was given nothing: find out who made it, delete it, and begin again`,
  )
}

/** 400 and 404 for what another replica has made already. */
class NotThereYet extends SourceError {}

function refused(answer: { readonly status: number; readonly code: string; message: string }) {
  const { status, code, message } = answer
  if (status === 403) return new SourceError('SOURCE_REFUSED', `Graph refuses: ${ROLE_NEEDED}`)
  const words = printable(`Graph refuses (${status} ${code}): ${message.slice(0, 200)}`)
  if (status === 400 || status === 404) return new NotThereYet('SOURCE_REFUSED', words)
  return new SourceError('SOURCE_REFUSED', words)
}

function findRole(graph: Row | undefined, permission: string): string {
  const roles: unknown = graph?.['appRoles']
  const found = (Array.isArray(roles) ? roles : []).find(
    (role: unknown) => isObject(role) && role['value'] === permission,
  )
  return textOf(isObject(found) ? found : undefined, 'id', `a permission ${permission}`)
}

function textOf(row: Row | undefined, name: string, what = name): string {
  const value = row?.[name]
  if (typeof value === 'string') return value
  throw new SourceError('SOURCE_NONSENSE', `Graph’s answer has no ${what}`)
}

const encode = encodeURIComponent
