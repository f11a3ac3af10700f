import { SourceError } from '../source.ts'
import { EVENTUAL, Graph, type GraphAnswer, isObject, type WriteMethod } from './graph.ts'
import { makeHttpsFetch } from './https.ts'
import type { Timing } from './middleware.ts'
import type { Microsoft365Config, Microsoft365Secret } from './settings.ts'
import { AppSignIn } from './sign-in.ts'

export type CallAnswer =
  | GraphAnswer
  | { readonly kind: 'throttled'; readonly retryAfterMs: number | null }

/** Single calls to a tenant's Graph, beside the reading of streams. Paths are below `/v1.0`. */
export class GraphCalls {
  readonly #graph: Graph
  readonly #tokens: AppSignIn

  constructor(parts: {
    readonly config: Microsoft365Config
    readonly secret: Microsoft365Secret
    readonly timing?: Partial<Timing>
  }) {
    const { config, secret, timing = {} } = parts
    const fetch = makeHttpsFetch(config.ca)
    this.#tokens = new AppSignIn({ config, secret, fetch })
    this.#graph = new Graph({ graphUrl: config.graphUrl, tokens: this.#tokens, fetch, timing })
  }

  /**
   * What a fresh token says the application may do. It is read and not verified: it came from the
   * login service over TLS, and Graph is who decides.
   *
   * @throws {SourceError} when the sign-in fails
   */
  async grantedPermissions(): Promise<readonly string[]> {
    this.#tokens.forget()
    const [, payload = ''] = (await this.#tokens.token()).split('.')
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8') || '{}')
    const roles = isObject(claims) ? claims['roles'] : null
    return Array.isArray(roles) ? roles.map(String) : []
  }

  get(path: string, signal: AbortSignal): Promise<CallAnswer> {
    return this.#graph.getJson(this.#graph.link(path), signal)
  }

  search(path: string, signal: AbortSignal): Promise<CallAnswer> {
    return this.#graph.getJson(this.#graph.link(path), signal, EVENTUAL)
  }

  /** @param body bytes are JSON already */
  patch(path: string, body: object | Buffer, signal: AbortSignal): Promise<CallAnswer> {
    return this.send('PATCH', path, { body, signal })
  }

  post(path: string, body: object | null, signal: AbortSignal): Promise<CallAnswer> {
    return this.send('POST', path, { body, signal })
  }

  put(path: string, body: object, signal: AbortSignal): Promise<CallAnswer> {
    return this.send('PUT', path, { body, signal })
  }

  delete(path: string, signal: AbortSignal): Promise<CallAnswer> {
    return this.send('DELETE', path, { body: null, signal })
  }

  /** The whole address of a path. */
  link(path: string): string {
    return this.#graph.link(path)
  }

  async send(
    method: WriteMethod,
    path: string,
    parts: Parameters<Graph['send']>[2],
  ): Promise<CallAnswer> {
    try {
      return await this.#graph.send(method, this.#graph.link(path), parts)
    } catch (error) {
      if (!(error instanceof SourceError) || error.code !== 'SOURCE_THROTTLED') throw error
      return { kind: 'throttled', retryAfterMs: error.retryAfterMs }
    }
  }
}
