import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import { MAX_OCSP_REQUEST_BYTES, ocspFailure } from '../credentials/certificates/ocsp.ts'
import type { RevocationStatus } from '../credentials/certificates/revocation-status.ts'

/** They stand in certificates for as long as those are good: never to be changed. */
export const CRL_PATH = '/pki/clients.crl'
export const CERTIFICATE_PATH = '/pki/clients.cer'
export const OCSP_PATH = '/pki/ocsp'

/** Of what is signed, and public by its nature: whoever checks a certificate may not have TLS yet. */
export const PKI_PATHS: readonly string[] = [
  CRL_PATH,
  CERTIFICATE_PATH,
  OCSP_PATH,
  `${OCSP_PATH}/*`,
]

const CACHE_SECONDS = 60
const RETRY_SECONDS = 5

/** CRL, OCSP and the authority's certificate, to anybody, on every HTTP listener. */
export function pkiPlugin(status: RevocationStatus): FastifyPluginAsync {
  return async (app) => {
    await app.register(async (scope) => addRoutes(scope, status))
  }
}

function addRoutes(app: FastifyInstance, status: RevocationStatus): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/ocsp-request',
    { parseAs: 'buffer', bodyLimit: MAX_OCSP_REQUEST_BYTES },
    (_request, body, done) => done(null, body),
  )
  app.setErrorHandler((error, _request, reply) => {
    const { statusCode = 500 } = error as { statusCode?: number }
    if (statusCode >= 500) throw error
    return answerOcsp(reply.code(statusCode), ocspFailure('malformed'))
  })
  app.get(CRL_PATH, { schema: { hide: true } }, (_request, reply) => {
    const crl = status.crl()
    if (crl === 'stale') return reply.code(503).header('retry-after', RETRY_SECONDS).send()
    return answerFile(reply, crl, 'application/pkix-crl')
  })
  app.get(CERTIFICATE_PATH, { schema: { hide: true } }, (_request, reply) =>
    answerFile(reply, status.authority(), 'application/pkix-cert'),
  )
  app.post(OCSP_PATH, { schema: { hide: true } }, (request, reply) =>
    answerOcsp(reply, status.ocsp(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0))),
  )
  // RFC 6960 appendix A.1: the request in base64, percent-encoded, which the router has decoded.
  app.get<{ Params: { '*': string } }>(
    `${OCSP_PATH}/*`,
    { schema: { hide: true } },
    (request, reply) => {
      const text = request.params['*']
      const isShort = text.length <= MAX_OCSP_REQUEST_BYTES * 2
      return answerOcsp(
        reply,
        isShort ? status.ocsp(Buffer.from(text, 'base64')) : ocspFailure('malformed'),
      )
    },
  )
}

function answerFile(reply: FastifyReply, bytes: Buffer | null, type: string): FastifyReply {
  if (bytes === null)
    return reply
      .code(404)
      .type('text/plain; charset=utf-8')
      .send('no certificate has been issued here yet\n')
  return reply.type(type).header('cache-control', `public, max-age=${CACHE_SECONDS}`).send(bytes)
}

function answerOcsp(reply: FastifyReply, bytes: Buffer): FastifyReply {
  return reply.type('application/ocsp-response').header('cache-control', 'no-store').send(bytes)
}
