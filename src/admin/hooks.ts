import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'

const PREFIX = '/hooks/microsoft365'
const MAX_BODY_BYTES = 512 * 1024
/** Microsoft's own are some 150 characters. */
const MAX_TOKEN = 1_024
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** What is done with notifications; see `NotificationReceiver`. */
export interface HookReceiver {
  admit(sourceId: string): number | null
  mayValidate(sourceId: string, id: string): Promise<boolean>
  receive(sourceId: string, id: string, body: Buffer): void
}

interface Address {
  readonly source: string
  readonly id: string
}

/**
 * Where change notifications come in, from anybody on the internet. Everything is answered alike and
 * at once, 202 and nothing: whether a source, a subscription or a proof was good, nobody learns. Only
 * Microsoft's validation token is said back, as plain text, while a subscription is being created.
 */
export function hooksPlugin(receiver: HookReceiver): FastifyPluginAsync {
  return async (app) => {
    await app.register(async (scope) => addRoutes(scope, receiver), { prefix: PREFIX })
  }
}

function addRoutes(app: FastifyInstance, receiver: HookReceiver): void {
  app.removeAllContentTypeParsers()
  const asBytes = { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES } as const
  app.addContentTypeParser('*', asBytes, (_request, body, done) => done(null, body))
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    const { source } = request.params as Partial<Address>
    const waitSeconds = receiver.admit(source ?? '')
    if (waitSeconds !== null)
      return reply.code(429).header('retry-after', waitSeconds).type('text/plain').send('')
  })
  app.setErrorHandler((error, _request, reply) => {
    const { statusCode = 500 } = error as { statusCode?: number }
    // Of a fault of ours Microsoft is told as well: it sends it again.
    return reply
      .code(statusCode < 400 ? 500 : statusCode)
      .type('text/plain')
      .send('')
  })
  app.post('/:source/:id', { schema: { hide: true } }, (request, reply) =>
    answer(request, reply, receiver),
  )
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  receiver: HookReceiver,
): Promise<FastifyReply> {
  const { source, id } = request.params as Address
  const { validationToken: token } = request.query as { validationToken?: unknown }
  const isAddress = UUID.test(source) && UUID.test(id)
  if (token !== undefined) {
    const isOurs = isAddress && typeof token === 'string' && token.length <= MAX_TOKEN
    if (!isOurs || !(await receiver.mayValidate(source, id))) return reply.code(404).send()
    return reply.code(200).type('text/plain; charset=utf-8').send(token)
  }
  await reply.code(202).send()
  if (isAddress && Buffer.isBuffer(request.body)) receiver.receive(source, id, request.body)
  return reply
}
