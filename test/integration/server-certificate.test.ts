import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import t from 'tap'
import {
  issueServerCertificate,
  type KeyedCertificate,
  makeAuthority,
} from '../../src/credentials/certificates/authority.ts'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { TtlsClient } from '../support/eap-ttls-client.ts'
import { freePort } from '../support/free-port.ts'
import { TestNas } from '../support/radius-client.ts'

const DAY_MS = 86_400_000
const NAME = 'radius.contoso.example'
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-server-certificate-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const certFile = join(folder, 'server.pem')
const keyFile = join(folder, 'server.key')

/** An authority of each day's own, so that who trusts one does not take the certificate of another. */
async function issue(madeAtMs = Date.now()) {
  const authority = await makeAuthority('Contoso', madeAtMs)
  const pair = await issueServerCertificate(authority, { names: [NAME], nowMs: madeAtMs })
  return { ...pair, ca: authority.certificate }
}

/** As a deploy hook does: written beside, and moved over what is there. */
function put({ certificate, privateKey }: KeyedCertificate): void {
  writeFileSync(`${certFile}.new`, certificate)
  writeFileSync(`${keyFile}.new`, privateKey, { mode: 0o600 })
  renameSync(`${certFile}.new`, certFile)
  renameSync(`${keyFile}.new`, keyFile)
}

const first = await issue()
put(first)
const radsecPort = await freePort()
const demo = await startTestDemo(t, {
  env: {
    GATEHOUSE_TLS_CERT_FILE: certFile,
    GATEHOUSE_TLS_KEY_FILE: keyFile,
    GATEHOUSE_RADSEC_LISTEN: `127.0.0.1:${radsecPort}`,
  },
})
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)
const { listeners } = await admin.send<{ listeners: Record<string, string[]> }>('GET', '/status')
const peer = await issue()
const peerFile = join(folder, 'peer-ca.pem')
writeFileSync(peerFile, peer.ca)
await cli('nas', 'create-radsec', 'branch', '--san', NAME, '--trusted-ca', peerFile)

interface Shown {
  readonly fingerprint: string
  readonly refusal: string | null
  readonly findings: readonly { readonly code: string }[]
}
const shown = () => admin.send<Shown>('GET', '/certificates/server')

async function until(is: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await is().catch(() => false)) return
    await sleep(100)
  }
  throw new Error('it did not come about')
}

/** Whether a listener shows a certificate that this authority stands behind. */
async function isShown(address: string | undefined, ca: string): Promise<boolean> {
  const { hostname, port } = new URL(`tls://${address}`)
  const options = { host: hostname, port: Number(port), ca, servername: NAME }
  const socket = connect({ ...options, cert: peer.certificate, key: peer.privateKey })
  try {
    await once(socket, 'secureConnect')
    return socket.authorized
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** EAP-TTLS over UDP; `between` runs when the server has shown its certificate in part. */
async function logIn(ca: string, between: () => Promise<void> = async () => undefined) {
  const { authPort, secret } = demo.facts.radius
  const nas = new TestNas(authPort, secret)
  const person = demo.facts.people.find(({ state }) => state === 'active')
  const client = new TtlsClient({
    name: person?.username ?? '',
    password: PASSWORD,
    tls: { ca, servername: NAME },
  })
  let round = 0
  try {
    return await client.run(async (eap) => {
      round += 1
      if (round === 4) await between()
      return await nas.sendEap(eap)
    })
  } finally {
    nas.close()
  }
}

const places = () => [
  ...[listeners['ldaps']?.[0], listeners['https']?.[0], `127.0.0.1:${radsecPort}`],
]

await t.test(
  'the one that is shown is told by API, command line, health and metrics',
  async (t) => {
    const json = JSON.parse(await cli('--json', 'certificate', 'server'))
    t.match(json, {
      from: 'files',
      certFile,
      keyFile,
      names: [NAME],
      uses: ['ldap', 'https', 'eap', 'radsec'],
      chainEnd: 'root',
      refusal: null,
      findings: [],
    })
    t.match(await cli('certificate', 'server'), /nothing is wrong with it/)
    const page = await (await fetch(`${demo.facts.http.url}/metrics`, authorized())).text()
    for (const use of ['ldap', 'https', 'eap', 'radsec']) {
      const line = new RegExp(
        `^gatehouse_server_certificate_expiry_seconds\\{use="${use}"\\} (\\S+)$`,
        'm',
      )
      const days = Number(line.exec(page)?.[1]) / 86_400
      t.ok(days > 397 && days < 398.1, `${use}: ${days} days`)
    }
    t.match(await health(), { ready: true, checks: { 'server certificate': { ok: true } } })
  },
)

await t.test(
  'a new one is shown at every listener, and who began with the old ends with it',
  async (t) => {
    const second = await issue()
    await until(async () => await isShown(places()[2], first.ca))
    const under = await logIn(first.ca, async () => {
      put(second)
      for (const place of places()) await until(async () => await isShown(place, second.ca))
    })
    t.equal(under.kind, 'accept', 'the conversation that was under way')
    t.equal((await logIn(second.ca)).kind, 'accept', 'the next')
    const stale = await logIn(first.ca).then(
      ({ tlsError }) => tlsError,
      (error: unknown) => error,
    )
    t.ok(stale, 'who trusts only the old authority is shown the new certificate')
    for (const place of places()) t.notOk(await isShown(place, first.ca))
  },
)

await t.test('what cannot be served is not, and is told of until it is mended', async (t) => {
  const good = await shown()
  const other = await issue()
  const over = await issue(Date.now() - 400 * DAY_MS)
  const trials: [string, () => void, RegExp][] = [
    ['of another key', () => put({ ...other, privateKey: peer.privateKey }), /does not belong/],
    ['expired', () => put(over), /expired on/],
    ['no PEM', () => put({ ...other, certificate: 'half a fi' }), /no certificate in the file/],
    ['gone', () => rmSync(keyFile), /cannot be read: ENOENT/],
  ]
  for (const [what, spoil, said] of trials) {
    spoil()
    await until(async () => said.test((await shown()).refusal ?? ''))
    t.equal((await shown()).fingerprint, good.fingerprint, what)
    t.match(await health(), {
      ready: true,
      checks: { 'server certificate': { ok: false, detail: /what is to replace it is refused/ } },
    })
    t.notMatch(JSON.stringify(await health()), folder, 'where files are is not for everybody')
  }
  t.match(await cli('doctor'), /WRONG {2}certificate: the new one is not shown: .*ENOENT/)
  process.exitCode = 0

  const last = await issue()
  put(last)
  await until(async () => await isShown(places()[0], last.ca))
  t.match(await shown(), { refusal: null, findings: [] })
})

await t.test(
  'one that ends soon is shown, with a warning and a health that is not ok',
  async (t) => {
    const old = await issue(Date.now() - 390 * DAY_MS)
    put(old)
    await until(async () => await isShown(places()[0], old.ca))
    t.match(await health(), {
      ready: true,
      checks: { 'server certificate': { ok: false, detail: /^good until \d{4}-\d\d-\d\d: / } },
    })
    t.match(await shown(), { findings: [{ code: 'ends-soon', verdict: 'bad' }] })
    t.match(
      await cli('certificate', 'server'),
      /WRONG {2}the certificate ends on .*: replace it now/,
    )
    t.match(
      await cli('certificate', 'check', certFile, keyFile),
      /WRONG {2}the certificate ends on/,
    )
    t.equal(process.exitCode, 1)
    process.exitCode = 0
  },
)

function authorized() {
  return { headers: { authorization: `Bearer ${demo.facts.http.adminToken}` } }
}

async function health(): Promise<unknown> {
  return await (await fetch(`${demo.facts.http.url}/health`)).json()
}
