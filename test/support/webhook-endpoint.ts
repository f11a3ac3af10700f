import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { makeServerCertificate } from '../../simulators/microsoft365/http/certificate.ts'

/** One POST as an endpoint of somebody's got it. */
export interface Delivered {
  readonly path: string
  readonly token: string | null
  readonly body: string
}

export interface EndpointAnswer {
  readonly status: number
  readonly type?: string
  readonly body?: string
}

export interface WebhookEndpoint {
  readonly url: string
  readonly caPem: string
  readonly got: Delivered[]
  /** In place of what a well-behaved endpoint says; null answers never. */
  answer: (delivered: Delivered) => EndpointAnswer | null
}

/** Does as Microsoft asks: says the token back, and thanks for everything else. */
export function obliging({ token }: Delivered): EndpointAnswer {
  return token === null
    ? { status: 202 }
    : { status: 200, type: 'text/plain; charset=utf-8', body: token }
}

/** An HTTPS endpoint for change notifications; stops with the test. */
export async function webhookEndpoint(t: Test): Promise<WebhookEndpoint> {
  const { certificatePem, keyPem, caPem } = await makeServerCertificate()
  const server = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'https://endpoint.invalid')
      const token = url.searchParams.get('validationToken')
      const delivered = { path: url.pathname, token, body: Buffer.concat(chunks).toString() }
      endpoint.got.push(delivered)
      const answer = endpoint.answer(delivered)
      if (answer === null) return
      response.writeHead(answer.status, answer.type ? { 'content-type': answer.type } : {})
      response.end(answer.body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const endpoint: WebhookEndpoint = {
    url: `https://localhost:${port}`,
    caPem,
    got: [],
    answer: obliging,
  }
  return endpoint
}
