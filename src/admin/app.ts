import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import swagger from '@fastify/swagger'
import Fastify, {
  errorCodes,
  type FastifyError,
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { DirectoryError, type DirectoryErrorCode } from '../directory/errors.ts'
import { readBody } from '../read-body.ts'
import { identify } from './caller.ts'
import { ApiError } from './error.ts'
import type { AdminParts } from './parts.ts'
import { PKI_PATHS } from './pki.ts'
import { makePlainPeers, plainRefused } from './plain-http.ts'
import { appPasswordRoutes } from './routes/app-passwords.ts'
import { applyRoutes } from './routes/apply.ts'
import { caRoutes } from './routes/ca.ts'
import { certificateRoutes } from './routes/certificates.ts'
import { connectRoutes, consentReturnRoute } from './routes/connect.ts'
import { deviceRoutes } from './routes/devices.ts'
import { factorRoutes } from './routes/factors.ts'
import { groupRoutes } from './routes/groups.ts'
import { guestRoutes } from './routes/guests.ts'
import { importRoutes } from './routes/imports.ts'
import { licenceRoutes } from './routes/licences.ts'
import { lifecycleRoutes } from './routes/lifecycle.ts'
import { logRoutes } from './routes/log.ts'
import { mailRoutes } from './routes/mail.ts'
import { nasRoutes } from './routes/nas.ts'
import { networkPasswordRoutes } from './routes/network-passwords.ts'
import { networkRoutes } from './routes/networks.ts'
import { passwordRoutes } from './routes/passwords.ts'
import { peopleRoutes } from './routes/people.ts'
import { profileRoutes } from './routes/profiles.ts'
import { radsecPeerRoutes } from './routes/radsec-peers.ts'
import { realmRoutes } from './routes/realms.ts'
import { serviceRoutes } from './routes/services.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { sourceDepartureRoutes } from './routes/source-departure.ts'
import { sourceRoundRoutes } from './routes/source-rounds.ts'
import { sourceRoutes } from './routes/sources.ts'
import { systemRoutes } from './routes/system.ts'
import { makeValidatorCompiler } from './validation.ts'

const MAX_BODY_BYTES = 4 * 1024 * 1024
const REQUEST_TIMEOUT_MS = 30_000
const RETRY_AFTER_SECONDS = 5
/** A balancer asks these of each daemon by itself and sends no credentials; or they are signed. */
const OPEN_TO_ALL: ReadonlySet<string> = new Set(['/health', '/ready', ...PKI_PATHS])

export interface AppOptions {
  readonly trustedProxies: readonly string[]
  readonly version: string
  /** Whether the request came through the daemon's own Unix socket. */
  isLocalSocket(request: IncomingMessage): boolean
  /** Whether it came through a listener without TLS that others than this machine may reach. */
  isPlain(request: IncomingMessage): boolean
  /** Told of each fault, with the id the caller was given. */
  onFault(id: string, error: unknown): void
  onAnswered?(answer: {
    readonly path: string
    readonly method: string
    readonly status: number
    readonly tookMs: number
  }): void
  /** Further protocols on the same listeners, such as SCIM. */
  readonly plugins?: readonly FastifyPluginAsync[]
  /**
   * Answers in its protocol's form what the router cannot read, such as an address with malformed
   * percent-encoding; false when the address is not that protocol's.
   */
  answerUnreadable?(request: FastifyRequest, reply: FastifyReply): boolean
}

/** The HTTP face: admin API under /api/v1, health, metrics, and what plugins add. */
export async function makeApp(parts: AdminParts, options: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    genReqId: () => randomUUID(),
    frameworkErrors: (error, request: FastifyRequest, reply: FastifyReply) => {
      if (options.answerUnreadable?.(request, reply) === true) return
      void reply.code(400).send({ error: { code: 'bad-request', message: error.message } })
    },
  })
  app.setValidatorCompiler(makeValidatorCompiler())
  app.decorateRequest('caller', null)
  app.setErrorHandler((error, request, reply) => {
    const answer = answerTo(error)
    if (answer.status >= 500) options.onFault(request.id, error)
    if (answer.status === 401)
      reply.header('www-authenticate', 'Bearer realm="gatehouse", Basic realm="gatehouse"')
    if (answer.code === 'unavailable') reply.header('retry-after', RETRY_AFTER_SECONDS)
    const message = answer.status === 500 ? `${answer.message} (${request.id})` : answer.message
    return reply.code(answer.status).send({ error: { code: answer.code, message } })
  })
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      error: {
        code: 'no-such-address',
        message: `${request.method} ${request.url.split('?')[0]} is not served here`,
      },
    }),
  )
  app.addHook('onResponse', (request, reply, done) => {
    options.onAnswered?.({
      path: request.url,
      method: request.method,
      status: reply.statusCode,
      tookMs: reply.elapsedTime,
    })
    done()
  })
  refusePlain(app, options)
  for (const plugin of options.plugins ?? []) await app.register(plugin)
  openRoutes(app, parts)
  consentReturnRoute(app, parts)
  app.register(
    (api, _options, done) => {
      adminApi(api, parts, options)
      done()
    },
    { prefix: '/api/v1' },
  )
  await app.ready()
  return app
}

/** Holds for plugins too; each answers the refusal in the form of its protocol. */
function refusePlain(app: FastifyInstance, options: AppOptions): void {
  const isPlainPeer = makePlainPeers(options.trustedProxies)
  app.addHook('onRequest', (request, _reply, done) => {
    const isTaken =
      OPEN_TO_ALL.has(request.routeOptions.url ?? '') ||
      !options.isPlain(request.raw) ||
      isPlainPeer(request.raw.socket.remoteAddress ?? null)
    done(isTaken ? undefined : plainRefused())
  })
}

/** What a load balancer and a monitor ask; nothing in it is secret. */
function openRoutes(app: FastifyInstance, parts: AdminParts): void {
  // Alive is a process that answers; what it says of its parts is for people.
  app.get('/health', () => parts.health())
  app.get('/ready', (_request, reply) => {
    const report = parts.health()
    return reply.code(report.ready ? 200 : 503).send(report)
  })
  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await parts.metrics()
    return reply.type(contentType).send(body)
  })
}

/** JSON as Fastify takes it, but that passwords and secrets come in it: what they came in is wiped. */
function readJson(api: FastifyInstance): void {
  const parse = api.getDefaultJsonParser('error', 'error')
  api.removeContentTypeParser('application/json')
  api.addContentTypeParser('application/json', (request, payload, done) => {
    if (Number(request.headers['content-length']) > MAX_BODY_BYTES) return done(tooLarge())
    readBody(payload, MAX_BODY_BYTES).then(
      (bytes) => {
        if (bytes === null) return done(tooLarge())
        const text = bytes.toString('utf8')
        bytes.fill(0)
        void parse(request, text, done)
      },
      // Whoever breaks off is at fault, and not we.
      (error: Error) => done(Object.assign(error, { statusCode: 400 })),
    )
  })
}

function tooLarge(): Error {
  return new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
}

function adminApi(api: FastifyInstance, parts: AdminParts, options: AppOptions): void {
  api.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Gatehouse admin API', version: options.version },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer' },
          administrator: { type: 'http', scheme: 'basic' },
        },
      },
      security: [{ token: [] }, { administrator: [] }],
    },
  })
  // A call that needs to say nothing may say nothing at all.
  api.addHook('preValidation', (request, _reply, done) => {
    if (request.routeOptions.schema?.body !== undefined) request.body ??= {}
    done()
  })
  api.addHook('onRequest', async (request: FastifyRequest) => {
    request.caller = await identify(parts, request, options.isLocalSocket(request.raw))
  })
  readJson(api)
  // After the document's own plugin, which has to see each route come.
  api.register((guarded, _options, done) => {
    for (const routes of [
      peopleRoutes,
      passwordRoutes,
      appPasswordRoutes,
      networkPasswordRoutes,
      certificateRoutes,
      caRoutes,
      factorRoutes,
      lifecycleRoutes,
      applyRoutes,
      groupRoutes,
      licenceRoutes,
      serviceRoutes,
      nasRoutes,
      networkRoutes,
      radsecPeerRoutes,
      realmRoutes,
      deviceRoutes,
      guestRoutes,
      profileRoutes,
      sessionRoutes,
      sourceRoutes,
      sourceDepartureRoutes,
      sourceRoundRoutes,
      connectRoutes,
      importRoutes,
      mailRoutes,
      systemRoutes,
      logRoutes,
    ])
      routes(guarded, parts)
    done()
  })
  api.get('/openapi.json', { schema: { hide: true } }, () => api.swagger())
}

const STATUS_OF: Record<DirectoryErrorCode, number> = {
  DIRECTORY_NOT_FOUND: 404,
  DIRECTORY_REFUSED: 422,
  DIRECTORY_CONFLICT: 409,
  DIRECTORY_APPROVAL_NEEDED: 409,
  DIRECTORY_UNAVAILABLE: 503,
  DIRECTORY_STORED_UNSEEN: 503,
}

type Fault = NonNullable<FastifyError['validation']>[number]

interface Answer {
  readonly status: number
  readonly code: string
  readonly message: string
}

/** A fault of ours says only that there was one: what it was stands in the log, under its id. */
function answerTo(error: unknown): Answer {
  if (error instanceof ApiError) return error
  if (error instanceof DirectoryError) {
    const message =
      error.code === 'DIRECTORY_UNAVAILABLE'
        ? 'the database cannot be reached just now; nothing was changed'
        : error.message
    return {
      status: STATUS_OF[error.code],
      code: error.code.slice('DIRECTORY_'.length).toLowerCase().replaceAll('_', '-'),
      message,
    }
  }
  const { validation, statusCode, message, validationContext } = error as FastifyError
  if (validation !== undefined) {
    const faults = validation
      // Each of several values that are allowed is refused by itself, and then all of them.
      .filter(
        ({ keyword, instancePath }) =>
          keyword !== 'const' ||
          !validation.some((one) => one.keyword === 'anyOf' && one.instancePath === instancePath),
      )
      .filter((fault) => !isNoise(fault, validation))
      .map(
        (fault) =>
          `${validationContext ?? 'request'}${fault.instancePath} ${describeFault(fault, validation)}`,
      )
    return { status: 400, code: 'bad-request', message: faults.join('; ') }
  }
  if (statusCode !== undefined && statusCode < 500)
    return { status: statusCode, code: 'bad-request', message }
  return { status: 500, code: 'internal', message: 'a fault of ours; it is in the log' }
}

/** Of several kinds of value, those that are not meant complain of the kind: one says what is wrong. */
function isNoise({ keyword, instancePath }: Fault, all: readonly Fault[]): boolean {
  if (keyword !== 'type' && keyword !== 'anyOf') return false
  const within = all.filter((one) => one.instancePath.startsWith(instancePath))
  return (
    within.some((one) => one.keyword === 'anyOf' && one.instancePath === instancePath) &&
    within.some((one) => !['type', 'anyOf', 'const'].includes(one.keyword))
  )
}

/** What the validator leaves out: the name that is not known, and the values that are. */
function describeFault({ keyword, params, message, instancePath }: Fault, all: readonly Fault[]) {
  if (keyword === 'additionalProperties')
    return `must not have '${String(params['additionalProperty'])}'`
  if (keyword === 'pattern' && String(params['pattern']).includes('{8}(-['))
    return 'must be a whole id, such as 3f2504e0-4f89-41d3-9a0c-0305e82c3301; lists show it'
  if (keyword === 'pattern' && instancePath.endsWith('/vlan'))
    return 'must be the number of a VLAN, 1 to 4094, or its name'
  const allowed = all
    .filter((one) => one.keyword === 'const' && one.instancePath === instancePath)
    .map((one) => String(one.params['allowedValue']))
  if (keyword === 'anyOf' && allowed.length > 0) return `must be one of: ${allowed.join(', ')}`
  return message ?? 'is wrong'
}
