import { createServer } from 'node:net'
import t from 'tap'
import { makeHttpsFetch } from '../../src/sources/microsoft365/https.ts'
import { AppSignIn } from '../../src/sources/microsoft365/sign-in.ts'
import { configOf, secretOf, testTenant } from '../support/sync.ts'

const tenant = await testTenant(t, { people: 1 })

/** A port of loopback at which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

function signIn(loginUrl: string, ca: string | null): AppSignIn {
  const config = { ...configOf(tenant), loginUrl }
  return new AppSignIn({ config, secret: secretOf(tenant), fetch: makeHttpsFetch(ca) })
}

await t.test('who cannot be spoken with is named, with what mends it', async (t) => {
  const port = await closedPort()
  await t.rejects(signIn(`https://127.0.0.1:${port}`, null).token(), {
    code: 'SOURCE_UNAVAILABLE',
    message: `the login service did not answer: no connection to 127.0.0.1, port ${port} (ECONNREFUSED): let this machine reach it`,
  })
  await t.rejects(signIn('https://login.nowhere.invalid', null).token(), {
    code: 'SOURCE_UNAVAILABLE',
    message:
      /the name login\.nowhere\.invalid cannot be resolved \(E\w+\): check this machine's DNS/,
  })
})

await t.test('a certificate that is not trusted is told as that', async (t) => {
  await t.rejects(signIn(tenant.loginUrl, null).token(), {
    code: 'SOURCE_UNAVAILABLE',
    message: /shows a certificate that is not trusted here \(\w+\): .*`--trust-ca`/,
  })
  t.ok(await signIn(tenant.loginUrl, tenant.caPem).token())
})
