import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { Microsoft365Bench } from '../support/microsoft365.ts'
import { makeClientCertificate } from '../support/microsoft365-certificate.ts'

const script = fileURLToPath(new URL('../support/microsoft365-witness.ts', import.meta.url))

await t.test(
  'Microsoft’s own libraries sign in, page, follow deltas and read errors',
  async (t) => {
    const client = await makeClientCertificate()
    const bench = await Microsoft365Bench.start({
      people: 430,
      clientCertificates: [client.certificatePem],
    })
    t.teardown(() => bench.stop())
    const { simulator } = bench
    const { loginUrl, graphUrl, controlUrl, tenantId, clientId, clientSecret, caFile } = simulator
    const given = { loginUrl, graphUrl, controlUrl, tenantId, clientId, clientSecret, ...client }
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', script],
      { env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile, WITNESS: JSON.stringify(given) } },
    )
    const seen = JSON.parse(stdout)
    t.equal(stderr, '')
    t.same(seen.certificateTokens, [3, 3])
    t.equal(seen.people, 430)
    t.equal(seen.told, 430)
    t.same(seen.changes, [{ id: bench.user('lee.gu'), displayName: 'Lee G.' }])
    t.equal(seen.afterThrottling, 'Contoso')
    t.match(seen.gone, { statusCode: 410, code: 'resyncRequired', location: /deltatoken=$/ })
    t.match(seen.forbidden, {
      statusCode: 403,
      code: 'Authorization_RequestDenied',
      hasRequestId: true,
    })
    t.match(seen.unknown, { statusCode: 400, code: 'BadRequest' })
    t.match(seen.missing, { statusCode: 404, code: 'Request_ResourceNotFound' })
    t.match(seen.wrongSecret, { errorCode: 'invalid_client', errorNo: '7000215' })
    t.equal(String(seen.count), '430')
    const statuses = simulator.requests.list().map(({ status }) => status)
    t.ok(statuses.includes(429), 'the throttled call was repeated by the library')
  },
)
