import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { EapolTest, type Supplicant, tlsVersions as versions } from '../support/eapol-test.ts'
import { GatewayBench, nasSecret, networkPassword, password } from '../support/radius-gateway.ts'
import { runTool } from '../support/run-tool.ts'
import { withTools } from '../support/tools.ts'

const bench = await new GatewayBench().start()
const tool = new EapolTest(bench)
const eapolTest = (supplicant: Supplicant) => tool.run(supplicant)
t.teardown(async () => {
  await bench.stop()
  tool.remove()
})

await withTools(t, { name: 'eapol_test: EAP-TTLS/PAP', tools: ['eapol_test'] }, async (t) => {
  for (const version of versions) {
    await t.test(`${version}: success, with keys that match and the group VLAN`, async (t) => {
      const run = await eapolTest({ version })
      t.ok(run.isSuccess, run.isSuccess ? '' : run.output.slice(-2_000))
      t.equal(run.keys, '1 0')
      t.equal(run.tls, version)
      t.equal(run.vlan, '42')
      t.match(bench.events.at(-1), {
        outcome: 'success',
        resourceName: 'corp',
        device: '02:11:22:33:44:55',
        detail: { ssid: 'corp', tls: version.slice(-3) },
      })
    })

    await t.test(`${version}: two SSIDs of one NAS are two policies`, async (t) => {
      const guest = await eapolTest({ version, name: 'bob', ssid: 'guest' })
      t.ok(guest.isSuccess)
      t.equal(guest.vlan, '99')
      const corp = await eapolTest({ version, name: 'bob', ssid: 'corp' })
      t.notOk(corp.isSuccess || corp.isSilent)
      t.equal(bench.lastReason, 'not-in-allowed-group')
    })

    await t.test(
      `${version}: denied with a wrong password, on hold, staged, unknown`,
      async (t) => {
        const cases: [string, string, string][] = [
          ['alice', 'wrong', 'wrong-password'],
          ['carol', password, 'held'],
          ['dave', password, 'staged'],
          ['nobody', password, 'unknown-name'],
        ]
        for (const [name, secret, reason] of cases) {
          const run = await eapolTest({ version, name, password: secret })
          t.notOk(run.isSuccess || run.isSilent, name)
          t.equal(bench.lastReason, reason)
        }
      },
    )

    await t.test(
      `${version}: again and again in one process never resumes a session`,
      async (t) => {
        const run = await eapolTest({ version, args: ['-r3'] })
        t.ok(run.isSuccess)
        t.equal(run.keys, '4 0')
        t.equal(run.resumed, 0)
      },
    )

    await t.test(
      `${version}: small fragments from the client, and a small Framed-MTU`,
      async (t) => {
        const run = await eapolTest({
          version,
          more: ['fragment_size=100'],
          args: ['-N', '12:d:200'],
        })
        t.ok(run.isSuccess)
        t.equal(run.keys, '1 0')
      },
    )

    await t.test(
      `${version}: a CA the client does not know, and the alert in our log`,
      async (t) => {
        const other = join(tool.folder, 'other.pem')
        writeFileSync(other, (await GatewayBench.makeCertificates()).caPem)
        const run = await eapolTest({ version, more: [`ca_cert="${other}"`] })
        t.notOk(run.isSuccess || run.isSilent)
        t.match(bench.events.at(-1), {
          reason: 'tls-alert-from-peer',
          detail: { why: 'unknown_ca', tls: version.slice(-3) },
        })
      },
    )
  }

  await t.test('an inner method we do not serve is named in the event', async (t) => {
    const run = await eapolTest({ version: 'TLSv1.2', phase2: 'auth=MSCHAPV2' })
    t.notOk(run.isSuccess || run.isSilent)
    t.match(bench.events.at(-1), {
      reason: 'inner-method',
      detail: { why: 'mschapv2', tls: '1.2' },
    })
  })

  await t.test('a client that wants another EAP method is told no at once', async (t) => {
    const run = await eapolTest({ version: 'TLSv1.2', more: ['eap=PEAP'] })
    t.notOk(run.isSuccess || run.isSilent)
    t.equal(bench.lastReason, 'no-common-method')
  })

  await t.test('a wrong shared secret is met with silence', async (t) => {
    const run = await eapolTest({ version: 'TLSv1.2', secret: 'wrong', timeoutSeconds: 1 })
    t.notOk(run.isSuccess)
    t.ok(run.isSilent)
    t.match(bench.lines.at(-1), { fields: { reason: 'bad-message-authenticator' } })
  })
})

await withTools(t, { name: 'radclient: PAP and accounting', tools: ['radclient'] }, async (t) => {
  const radclient = (kind: 'auth' | 'acct' | 'status', attributes: string, secret = nasSecret) => {
    const port = kind === 'acct' ? bench.acctPort : bench.authPort
    const args = ['-x', '-r', '1', '-t', '1', `127.0.0.1:${port}`, kind, secret]
    return runTool('radclient', args, attributes)
  }
  const pap = (name: string, secret: string, more = ''): string => {
    return `User-Name = "${name}", User-Password = "${secret}"${more}`
  }

  await t.test(
    'the right password: Accept, with a Message-Authenticator that verifies',
    async (t) => {
      const { code, output } = await radclient('auth', pap('alice', password))
      t.equal(code, 0)
      t.match(output, /Received Access-Accept/)
      t.match(output, /Message-Authenticator = 0x/)
      t.match(output, /Tunnel-Type:0 = VLAN/)
      t.match(output, /Tunnel-Medium-Type:0 = IEEE-802/)
      t.match(output, /Tunnel-Private-Group-Id:0 = "42"/)
    },
  )

  await t.test('wrong password, wrong group, on hold: Reject', async (t) => {
    for (const [name, secret] of [
      ['alice', 'wrong'],
      ['bob', password],
      ['carol', password],
    ] as const) {
      const { code, output } = await radclient('auth', pap(name, secret))
      t.equal(code, 1)
      t.match(output, /Received Access-Reject/, name)
    }
  })

  await t.test('two SSIDs of one NAS: PAP is allowed on one only', async (t) => {
    const guest = await radclient(
      'auth',
      pap('alice', password, ', Called-Station-Id = "02-00-00-00-00-01:guest"'),
    )
    t.match(guest.output, /Received Access-Reject/)
    t.equal(bench.lastReason, 'method-not-allowed')
  })

  await t.test('a wrong shared secret: no reply at all', async (t) => {
    const signed = pap('alice', password, ', Message-Authenticator = 0x00')
    const { code, output } = await radclient('auth', signed, 'wrong')
    t.equal(code, 1)
    t.match(output, /No reply from server/)
  })

  await t.test('CHAP with the network password, where it is allowed', async (t) => {
    const chap = (name: string, secret: string) => {
      return radclient('auth', `User-Name = "${name}", CHAP-Password = "${secret}"`)
    }
    t.match((await chap('alice', networkPassword)).output, /Received Access-Reject/)
    t.equal(bench.lastReason, 'method-not-allowed')
    bench.allow('pap', 'chap', 'ttls-pap')
    t.match((await chap('alice', networkPassword)).output, /Received Access-Accept/)
    t.match(bench.events.at(-1), { outcome: 'success', method: 'radius-chap' })
    for (const [name, secret, reason] of [
      ['alice', password, 'wrong-password'],
      ['carol', networkPassword, 'held'],
      ['nobody', networkPassword, 'unknown-name'],
    ] as const) {
      t.match((await chap(name, secret)).output, /Received Access-Reject/, name)
      t.equal(bench.lastReason, reason)
    }
  })

  await t.test('Status-Server and accounting are answered', async (t) => {
    const status = await radclient('status', 'Message-Authenticator = 0x00')
    t.match(status.output, /Received Access-Accept/)
    const acct = await radclient(
      'acct',
      'Acct-Status-Type = Stop, User-Name = "alice", Acct-Session-Id = "S9", Acct-Session-Time = 60',
    )
    t.match(acct.output, /Received Accounting-Response/)
    t.match(bench.reports.at(-1), { kind: 'stop', sessionId: 'S9', sessionSeconds: 60 })
  })
})
