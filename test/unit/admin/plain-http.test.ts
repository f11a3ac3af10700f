import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeApp } from '../../../src/admin/app.ts'
import type { AdminParts } from '../../../src/admin/parts.ts'
import { HttpListeners } from '../../../src/admin/server.ts'
import { type ScimParts, scimPlugin } from '../../../src/gateway/scim/plugin.ts'
import { MemoryDirectory } from '../../support/directory.ts'
import { makeClientCertificate } from '../../support/microsoft365-certificate.ts'
import { findOuterAddress } from '../../support/outer-address.ts'

const OPEN = ['/health', '/ready']
const GUARDED = ['/api/v1/networks', '/metrics', '/nowhere']

const parts: Partial<AdminParts> = {
  directory: new MemoryDirectory().model,
  health: () => ({ state: 'ready', ready: true, checks: {}, notes: [] }),
  metrics: async () => ({ contentType: 'text/plain', body: '' }),
}

function makeTestApp(
  trustedProxies: readonly string[],
  listeners: Pick<HttpListeners, 'isPlain' | 'isLocalSocket'>,
) {
  return makeApp(parts as AdminParts, {
    trustedProxies,
    version: '1',
    isLocalSocket: (request) => listeners.isLocalSocket(request),
    isPlain: (request) => listeners.isPlain(request),
    onFault: () => undefined,
    plugins: [scimPlugin({} as ScimParts)],
  })
}

t.test(
  'plain HTTP is for this machine and the proxies in front; the rest is told so',
  async (t) => {
    const asked = { isPlain: () => true, isLocalSocket: () => true }
    const app = await makeTestApp(['192.0.2.0/24', '2001:db8::7'], asked)
    t.teardown(() => app.close())
    const get = (url: string, remoteAddress: string) => app.inject({ url, remoteAddress })

    const strangers = ['198.51.100.7', '::ffff:198.51.100.7', '2001:db8::8', 'fe80::1%eth0', 'none']
    for (const peer of strangers) {
      for (const url of GUARDED) {
        const { statusCode, json } = await get(url, peer)
        t.equal(statusCode, 403, `${url} ${peer}`)
        t.match(json(), { error: { code: 'tls-needed', message: /use HTTPS/ } })
      }
      for (const url of OPEN) t.equal((await get(url, peer)).statusCode, 200, `${url} ${peer}`)
    }
    for (const peer of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
      t.equal((await get('/api/v1/networks', peer)).statusCode, 200, peer)
    for (const peer of ['192.0.2.9', '::ffff:192.0.2.9', '2001:db8::7'])
      t.equal((await get('/api/v1/networks', peer)).statusCode, 200, peer)
    const forwarded = { 'x-forwarded-for': '127.0.0.1' }
    const claimed = await app.inject({
      url: '/metrics',
      remoteAddress: '198.51.100.7',
      headers: forwarded,
    })
    t.equal(claimed.statusCode, 403, 'what a stranger says of itself is not believed')
  },
)

t.test('plain HTTP: SCIM refuses a stranger in its own form', async (t) => {
  const app = await makeTestApp([], { isPlain: () => true, isLocalSocket: () => false })
  t.teardown(() => app.close())
  for (const url of ['/scim/v2/Users', '/scim/v2/ServiceProviderConfig', '/scim/v2/nowhere']) {
    const answer = await app.inject({ url, remoteAddress: '198.51.100.7' })
    t.equal(answer.statusCode, 403, url)
    t.match(answer.headers['content-type'], 'application/scim+json')
    t.match(answer.json(), {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      status: '403',
      detail: /use HTTPS/,
    })
  }
})

t.test('the listeners know what came without TLS from elsewhere', async (t) => {
  const outer = await findOuterAddress(t)
  if (outer === null) {
    t.comment('this machine has no address but loopback')
    return
  }
  const { certificatePem, keyPem } = await makeClientCertificate()
  // A socket's path has 107 bytes at most, so it is not the test's own folder.
  const folder = mkdtempSync(join(tmpdir(), 'gh-plain-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const socketPath = join(folder, 'a.sock')
  const listeners = new HttpListeners({
    http: [{ host: '*', port: 0 }],
    https: [{ host: '*', port: 0 }],
    socketPath,
    tls: { cert: certificatePem, key: keyPem },
  })
  listeners.serve(await makeTestApp([], listeners))
  t.teardown(() => listeners.stop())
  await listeners.start()
  const portOf = (scheme: string) =>
    listeners.addresses.find((each) => each.scheme === scheme)?.address.port ?? 0
  const path = '/metrics'
  const status = (options: RequestOptions, request: typeof httpRequest) =>
    statusOf(t, request, { ...options, path, agent: false })

  t.equal(await status({ host: outer, port: portOf('http') }, httpRequest), 403)
  t.equal(await status({ host: '127.0.0.1', port: portOf('http') }, httpRequest), 200)
  const https = { host: outer, port: portOf('https'), rejectUnauthorized: false }
  t.equal(await status(https, httpsRequest), 200)
  t.equal(await status({ socketPath }, httpRequest), 200)
})

function statusOf(t: Test, request: typeof httpRequest, options: RequestOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(options, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    })
    t.teardown(() => outgoing.destroy())
    outgoing.on('error', reject).end()
  })
}
