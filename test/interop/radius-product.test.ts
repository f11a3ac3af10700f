import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
// @ts-expect-error the package brings no types
import radius from 'radius'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/storage/connection.ts'
import { Admin } from '../support/admin.ts'
import { PASSWORD, startTestDemo, type TestDemo } from '../support/demo.ts'
import { runTool } from '../support/run-tool.ts'
import { withTools } from '../support/tools.ts'

/** TLS 1.3 is off in eapol_test unless asked for, and then means "1.3 or lower". */
const TLS = {
  '1.2': 'tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_3=1',
  '1.3': 'tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=0',
} as const

const demo = await startTestDemo(t)
const admin = new Admin(demo.facts)

interface Attempt {
  readonly version?: keyof typeof TLS
  readonly name?: string
  readonly password?: string
  readonly ssid?: string
}

async function eapolTest({ facts, dataDir }: TestDemo, attempt: Attempt): Promise<string> {
  const { version = '1.2', name = 'adele.vance', password = PASSWORD, ssid = 'corp' } = attempt
  const file = join(dataDir, 'eapol.conf')
  const lines = [
    'key_mgmt=IEEE8021X',
    'eap=TTLS',
    `identity="${name}"`,
    'anonymous_identity="anonymous@contoso.example"',
    `password="${password}"`,
    `phase1="${TLS[version]}"`,
    'phase2="auth=PAP"',
    `ca_cert="${facts.radius.caFile}"`,
    `domain_match="${facts.radius.serverName}"`,
  ]
  writeFileSync(file, `network={\n${lines.join('\n')}\n}\n`)
  const { host, authPort, secret } = facts.radius
  const station = `30:s:02-00-00-00-00-01:${ssid}`
  return (
    await runTool('eapol_test', [
      '-c',
      file,
      '-a',
      host,
      '-p',
      String(authPort),
      '-s',
      secret,
      '-t',
      '15',
      '-N',
      station,
    ])
  ).output
}

/** The VLAN an Access-Accept carries; null where there is none. */
function vlanOf(output: string): string | null {
  const hex = /Attribute 81 \(Tunnel-Private-Group-Id\)[^\n]*\n\s*Value: ([0-9a-f]+)/.exec(
    output,
  )?.[1]
  return hex === undefined
    ? null
    : Buffer.from(hex, 'hex')
        .toString()
        .replace(/^\p{Cc}/u, '')
}

interface Answer {
  readonly outcome: string
  readonly reason: string
  readonly name: string
  readonly method: string
}

/** Newest first, once what was written at that time has reached the table. */
async function denialsSince(sinceMs: number, wanted = 1): Promise<readonly Answer[]> {
  const since = encodeURIComponent(new Date(sinceMs).toISOString())
  for (let tries = 0; tries < 40; tries++) {
    const path = `/log?outcome=denied&since=${since}`
    const { answers } = await admin.send<{ answers: readonly Answer[] }>('GET', path)
    if (answers.length >= wanted) return answers
    await sleep(100)
  }
  return []
}

async function metric(pattern: RegExp): Promise<number> {
  const page = await (await fetch(`${demo.facts.http.url}/metrics`)).text()
  return Number(pattern.exec(page)?.[1] ?? 0)
}

await withTools(
  t,
  { name: '802.1X with eapol_test against the whole product', tools: ['eapol_test'] },
  async (t: Test) => {
    for (const version of ['1.2', '1.3'] as const) {
      const output = await eapolTest(demo, { version })
      t.match(output, /MPPE keys OK: 1 {2}mismatch: 0\nSUCCESS/, `TLS ${version}`)
      t.match(output, new RegExp(`TLSv${version.replace('.', '\\.')}`))
      t.equal(vlanOf(output), '30', 'the VLAN of sales')
    }
    const megan = demo.facts.people.find(({ username }) => username === 'megan.bowen')
    t.equal(megan?.state, 'active')
    t.not(
      vlanOf(await eapolTest(demo, { name: 'megan.bowen' })),
      '30',
      'somebody else, another VLAN',
    )

    const alex = { name: 'alex.wilber' }
    const inCorp = vlanOf(await eapolTest(demo, alex))
    t.match(inCorp, /^\d+$/)
    t.not(inCorp, '90')
    const asGuest = await eapolTest(demo, { ...alex, ssid: 'guest' })
    t.equal(vlanOf(asGuest), '90', 'another SSID of the same NAS, another policy')

    const refused: [string, Attempt, string][] = [
      ['a wrong password', { password: 'wrong' }, 'wrong-password'],
      ['a suspended person', { name: 'lynne.robbins' }, 'held'],
      ['a staged person', { name: 'nestor.wilke' }, 'staged'],
      ['a name nobody has', { name: 'no.body' }, 'unknown-name'],
      ['an SSID whose network admits another group', { ssid: 'guest' }, 'not-in-allowed-group'],
      ['an SSID no network is for', { ssid: 'elsewhere' }, 'no-network'],
    ]
    for (const [what, attempt, reason] of refused) {
      const sinceMs = Date.now()
      const output = await eapolTest(demo, attempt)
      t.match(output, /CTRL-EVENT-EAP-FAILURE[\s\S]*FAILURE\n$/, what)
      t.notMatch(output, /timed out/, `${what}: refused, not ignored`)
      t.notMatch(output, /MS-MPPE-Recv-Key/, `${what}: no keys`)
      const [answer] = await denialsSince(sinceMs)
      t.match(answer, { outcome: 'denied', reason, address: '127.0.0.1' }, `${what}: in the log`)
    }
    await admin.suspend('adele.vance')
    t.match(await eapolTest(demo, {}), /FAILURE\n$/, 'right after she is suspended')
    await admin.resume('adele.vance')
    t.match(await eapolTest(demo, {}), /SUCCESS\n$/, 'and in again')
  },
)

await t.test('PAP by a foreign client library: accepted, rejected, VLAN and reason', async (t) => {
  const startedAtMs = Date.now()
  t.same(await pap('adele.vance', PASSWORD), 'Access-Accept')
  t.same(await pap('adele.vance', 'wrong password'), 'Access-Reject')
  t.same(await pap('lynne.robbins', PASSWORD), 'Access-Reject')
  const reasons = new Map(
    (await denialsSince(startedAtMs, 2))
      .filter(({ method }) => method === 'radius-pap')
      .map(({ name, reason }) => [name, reason]),
  )
  t.equal(reasons.get('adele.vance'), 'wrong-password')
  t.equal(reasons.get('lynne.robbins'), 'held')
})

await withTools(
  t,
  {
    name: 'radclient: PAP, Status-Server, accounting, and silence for a wrong secret',
    tools: ['radclient'],
  },
  async (t: Test) => {
    const { host, authPort, acctPort, secret } = demo.facts.radius
    const ask = (what: string, port: number, attributes: string, key = secret) =>
      runTool('radclient', ['-x', '-r', '1', '-t', '2', `${host}:${port}`, what, key], attributes)
    const accept = await ask(
      'auth',
      authPort,
      `User-Name="adele.vance", User-Password="${PASSWORD}", Message-Authenticator=0x00`,
    )
    t.match(accept.output, /Received Access-Accept/)
    t.match(
      accept.output,
      /Access-Accept[\s\S]*Message-Authenticator[\s\S]*Tunnel-Private-Group-Id:0 = "30"/,
      'Message-Authenticator first',
    )
    t.match(
      (await ask('status', authPort, 'Message-Authenticator=0x00')).output,
      /Received Access-Accept/,
    )

    const before = await metric(/^gatehouse_radius_dropped_total\{reason="wrong-secret"\} (\d+)/m)
    const silent = await ask(
      'auth',
      authPort,
      `User-Name="adele.vance", User-Password="${PASSWORD}", Message-Authenticator=0x00`,
      'not the secret',
    )
    t.match(silent.output, /No reply from server/)
    t.equal(
      (await metric(/^gatehouse_radius_dropped_total\{reason="wrong-secret"\} (\d+)/m)) - before,
      1,
      'silence is counted',
    )

    const session =
      'Acct-Session-Id="s1", User-Name="adele.vance", Calling-Station-Id="02-00-00-00-00-01", NAS-IP-Address=127.0.0.1'
    for (const status of ['Start', 'Interim-Update', 'Stop']) {
      t.match(
        (
          await ask(
            'acct',
            acctPort,
            `Acct-Status-Type=${status}, ${session}, Acct-Session-Time=60, Acct-Input-Octets=7, Acct-Input-Gigawords=1`,
          )
        ).output,
        /Received Accounting-Response/,
        status,
      )
    }
    await demo.stop()
    t.match(await readSessions(demo.dataDir), [
      {
        session_id: 's1',
        person: 'adele.vance',
        calling_station_id: '02:00:00:00:00:01',
        seconds: 60,
        octets: String(2 ** 32 + 7),
        is_over: true,
      },
    ])
  },
)

/** What the daemon left in its database. */
async function readSessions(dataDir: string): Promise<readonly unknown[]> {
  const database = await openDatabase({ dataDir })
  try {
    const { rows } = await database.pool.query(`
      select session_id, person.username as person, calling_station_id,
        session_seconds::int as seconds, input_octets::text as octets,
        stopped_at is not null and started_at < stopped_at as is_over
      from accounting_session join person on person.id = principal_id`)
    return rows as readonly unknown[]
  } finally {
    await database.stop()
  }
}

async function pap(name: string, password: string): Promise<string> {
  const { host, authPort, secret } = demo.facts.radius
  const packet = radius.encode({
    code: 'Access-Request',
    secret,
    identifier: Math.floor(Math.random() * 256),
    attributes: [
      ['NAS-IP-Address', '127.0.0.1'],
      ['User-Name', name],
      ['User-Password', password],
    ],
    add_message_authenticator: true,
  }) as Buffer
  const socket = createSocket('udp4')
  socket.send(packet, authPort, host)
  const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(10_000) })) as [
    Buffer,
  ]
  socket.close()
  const isGenuine = radius.verify_response({ request: packet, response: reply, secret }) as boolean
  return isGenuine ? (radius.decode({ packet: reply, secret }) as { code: string }).code : 'forged'
}
