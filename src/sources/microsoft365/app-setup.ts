import { setTimeout as sleep } from 'node:timers/promises'
import { printable } from '../foreign-text.ts'
import { SourceError } from '../source.ts'
import { rightsOfOthers } from './app-trust.ts'
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
  /** Delegated ones, for people's own sign-in; asked for, and granted by nobody here. */
  readonly scopes: readonly string[]
  /** Where a browser comes back to from people's own sign-in; null when none could. */
  readonly redirectUri: string | null
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
    const graph = await this.#readGraph()
    const application = await this.#register(wanted, graph)
    const clientId = textOf(application, 'appId')
    await this.#onStep('giving it its service principal')
    const principalId = textOf(await this.#enrol(clientId), 'id')
    await this.#onStep('granting permissions')
    await this.#grant(principalId, graph, wanted.permissions)
    if (wanted.role !== null) {
      await this.#onStep(`assigning the role ${wanted.role.name}`)
      await this.#assign(principalId, wanted.role)
    }
    return { clientId, applicationId: textOf(application, 'id') }
  }

  async #register(wanted: WantedApp, graph: Row | undefined): Promise<Row> {
    const { displayName, tag } = wanted
    const properties = propertiesOf(wanted, graph)
    const [known, ...others] = await this.#list(
      `/applications?$filter=${encode(`tags/any(t:t eq '${tag}')`)}`,
    )
    if (known === undefined) {
      const body = { displayName, signInAudience: 'AzureADMyOrg', tags: [tag], ...properties }
      return this.#post('/applications', body)
    }
    if (others.length > 0)
      throw untrusted('several app registrations carry the tag of this installation')
    await this.#refuseShared(known)
    // Keys are replaced only while nobody else has taken over what is being done here.
    await this.#onStep('registering the application')
    const answer = await this.#graph.send(
      'PATCH',
      this.#graph.link(`/applications/${encode(textOf(known, 'id'))}`),
      { body: properties, signal: this.#signal },
    )
    if (answer.kind === 'error') throw refused(answer)
    return known
  }

  /** Rights are given to an application only that nobody else can act as, or change. */
  async #refuseShared(application: Row): Promise<void> {
    await this.#onStep('looking at who may act as the application that is there')
    const path = `/applications/${encode(textOf(application, 'id'))}`
    const clientId = textOf(application, 'appId')
    const me = textOf(await this.#get('/me?$select=id'), 'id')
    const federated = await this.#eventually(() =>
      this.#list(`${path}/federatedIdentityCredentials`),
    )
    const [principal = null] = await this.#list(principalQuery(clientId))
    const owners = [...(await this.#list(`${path}/owners`))]
    if (principal !== null)
      owners.push(
        ...(await this.#list(`/servicePrincipals/${encode(textOf(principal, 'id'))}/owners`)),
      )
    const rights = rightsOfOthers({ application, owners, federated, principal, me })
    if (rights.length === 0) return
    throw untrusted(
      `the app registration ${clientId} carries the tag of this installation, but is not ours alone: ${rights.join('; ')}`,
    )
  }

  async #enrol(clientId: string): Promise<Row> {
    const query = principalQuery(clientId)
    return this.#eventually(async () => {
      const [known] = await this.#list(query)
      return known ?? (await this.#post('/servicePrincipals', { appId: clientId }))
    })
  }

  /** Its permissions, which are found by name, so that no id of ours can be out of date. */
  async #readGraph(): Promise<Row | undefined> {
    const [graph] = await this.#list(
      `/servicePrincipals?$filter=${encode(`appId eq '${GRAPH_ID}'`)}&$select=id,appRoles,oauth2PermissionScopes`,
    )
    return graph
  }

  async #grant(
    principalId: string,
    graph: Row | undefined,
    permissions: readonly string[],
  ): Promise<void> {
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

  async #get(path: string): Promise<Row> {
    const answer = await this.#graph.getJson(this.#graph.link(path), this.#signal)
    if (answer.kind === 'error') throw refused(answer)
    return answer.body
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

/** What the registration says of itself, whether it is made or was there. */
function propertiesOf(wanted: WantedApp, graph: Row | undefined) {
  const { certificate, permissions, scopes, redirectUri } = wanted
  const roles = permissions.map((name) => ({ id: findRole(graph, name), type: 'Role' }))
  const delegated = scopes.map((name) => ({ id: findScope(graph, name), type: 'Scope' }))
  return {
    keyCredentials: [
      {
        ...{ type: 'AsymmetricX509Cert', usage: 'Verify', displayName: 'CN=Gatehouse' },
        key: certificateBody(certificate),
      },
    ],
    // So that the portal shows them, and its own "Grant admin consent" takes none away.
    requiredResourceAccess: [{ resourceAppId: GRAPH_ID, resourceAccess: [...roles, ...delegated] }],
    web: { redirectUris: redirectUri === null ? [] : [redirectUri] },
    optionalClaims: { idToken: [{ name: 'auth_time', essential: false }] },
  }
}

function untrusted(why: string): SourceError {
  return new SourceError(
    'SOURCE_REFUSED',
    `${why}. It was given nothing: find out who made it and what for; then take away what is named, or delete it (App registrations, all applications), and begin again`,
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
  return findId(graph?.['appRoles'], permission, 'a permission')
}

function findScope(graph: Row | undefined, scope: string): string {
  return findId(graph?.['oauth2PermissionScopes'], scope, 'a delegated permission')
}

function findId(list: unknown, value: string, what: string): string {
  const found = (Array.isArray(list) ? list : []).find(
    (each: unknown) => isObject(each) && each['value'] === value,
  )
  return textOf(isObject(found) ? found : undefined, 'id', `${what} ${value}`)
}

function principalQuery(clientId: string): string {
  const properties = 'id,appId,keyCredentials,passwordCredentials'
  return `/servicePrincipals?$filter=${encode(`appId eq '${clientId}'`)}&$select=${properties}`
}

function textOf(row: Row | undefined, name: string, what = name): string {
  const value = row?.[name]
  if (typeof value === 'string') return value
  throw new SourceError('SOURCE_NONSENSE', `Graph’s answer has no ${what}`)
}

const encode = encodeURIComponent
