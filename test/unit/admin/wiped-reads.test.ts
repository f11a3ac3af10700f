import { mkdtempSync, rmSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import Fastify from 'fastify'
import t from 'tap'
import { HttpListeners } from '../../../src/admin/server.ts'
import { readBody } from '../../../src/read-body.ts'
import { makeClientCertificate } from '../../support/microsoft365-certificate.ts'

const LARGE = 'äbc'.repeat(400_000)

await t.test('HTTP: what was read is wiped only once it has been taken', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-http-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { certificatePem, keyPem } = await makeClientCertificate('localhost')
  const loopback = [{ host: '127.0.0.1', port: 0 }]
  const listeners = new HttpListeners({
    http: loopback,
    https: loopback,
    socketPath: join(folder, 'sock'),
    tls: { cert: certificatePem, key: keyPem },
  })
  const app = Fastify({ bodyLimit: 8_000_000 })
  app.post('/echo', (request) => request.body)
  await app.ready()
  listeners.serve(app)
  await listeners.start()
  t.teardown(() => listeners.stop())
  for (const { scheme, address } of listeners.addresses) {
    const request = scheme === 'https' ? tlsRequest : plainRequest
    const url = `${scheme}://127.0.0.1:${address.port}/echo`
    for (const text of ['short', LARGE, 'short again']) {
      const body = JSON.stringify({ text })
      const answer = await new Promise<string>((resolve, reject) => {
        const sent = request(
          url,
          {
            method: 'POST',
            rejectUnauthorized: false,
            headers: {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(body),
            },
          },
          (response) => {
            const parts: Buffer[] = []
            response.on('data', (part: Buffer) => parts.push(part))
            response.on('end', () => resolve(Buffer.concat(parts).toString()))
          },
        )
        sent.on('error', reject)
        sent.end(body)
      })
      t.ok(answer === body, `${scheme}, ${text.length} characters`)
    }
  }
})

await t.test('a body is taken whole, and what it came in is wiped', async (t) => {
  const read = async (texts: readonly string[], maxBytes: number) => {
    const chunks = texts.map((text) => Buffer.from(text))
    const body = await readBody(Readable.from(chunks), maxBytes)
    t.ok(chunks.every((chunk) => chunk.every((byte) => byte === 0)))
    return body?.toString() ?? null
  }
  t.equal(await read(['{"pass', 'word":"ä"}'], 100), '{"password":"ä"}')
  t.equal(await read([], 100), '')
  t.equal(await read(['12345', '67890'], 10), '1234567890')
  t.equal(await read(['12345', '67890', 'x'], 10), null, 'one too many')
})
