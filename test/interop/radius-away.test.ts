import { join } from 'node:path'
import t from 'tap'
import { makeAuthority } from '../../src/credentials/certificates/authority.ts'
import { ClientAuthority } from '../support/client-certificates.ts'
import { DaemonSupplicants, waysOf } from '../support/daemon-supplicants.ts'
import { tlsVersions } from '../support/eapol-test.ts'
import { freePort } from '../support/free-port.ts'
import { homeConfig } from '../support/freeradius-config.ts'
import { radclient } from '../support/radclient.ts'
import { passChallenges } from '../support/radius-challenges.ts'
import { askPap } from '../support/radius-pap.ts'
import { issuePeerFiles, startFreeradius } from '../support/radius-peers.ts'
import { RadiusRelay } from '../support/radius-relay.ts'
import { startRadsecproxyAtHome } from '../support/radsecproxy.ts'
import { withTools } from '../support/tools.ts'

const REALM = 'away.example'
const GUEST = `alice@${REALM}`
const PASSWORD = 'known at home alone'
const HOME = `radius.${REALM}`
const HOME_SECRET = 'of-two-who-forward'
const needs = {
  name: 'the daemon forwards every method to FreeRADIUS and radsecproxy',
  tools: ['freeradius', 'radsecproxy', 'radclient', 'eapol_test'],
}

await withTools(t, needs, async (t) => {
  const rig = await DaemonSupplicants.start(t)
  const { folder } = rig
  const { secret, authPort, acctPort } = rig.radius
  const authority = await makeAuthority('Root of theirs', Date.now())
  const homeCa = rig.write('home-ca.pem', authority.certificate)
  const trusted = { folder, caFile: rig.radius.caFile }
  const files = await issuePeerFiles(authority, { ...trusted, name: HOME })
  const clients = await ClientAuthority.make('Clients of theirs')
  const { cert, key } = await clients.issue({ email: GUEST })
  const [certFile, keyFile] = [rig.write('alice.pem', cert), rig.write('alice.key', key)]

  const ports = { auth: await freePort(), acct: await freePort(), tls: await freePort() }
  const home = { folder: join(folder, 'home'), files, secret: HOME_SECRET }
  await startFreeradius(
    t,
    home.folder,
    homeConfig({ ...home, ports, clientCa: clients.pem, name: GUEST, password: PASSWORD }),
  )
  const behind = { port: await freePort(), home: ports }
  await startRadsecproxyAtHome(t, join(folder, 'radsecproxy'), {
    ...{ files, secret: HOME_SECRET },
    ...behind,
  })

  const secretFile = rig.write('home.secret', HOME_SECRET)
  const overTls = (name: string, port: number) => {
    const server = `127.0.0.1:${port}`
    const options = ['--radsec', server, '--san', HOME, '--trusted-ca', homeCa]
    return { name, server, options }
  }
  const overUdp = `127.0.0.2:${ports.auth}`
  const homes = [
    {
      name: 'FreeRADIUS over UDP',
      server: overUdp,
      options: ['--server', overUdp, '--acct-port', `${ports.acct}`, '--secret-file', secretFile],
    },
    overTls('FreeRADIUS over RadSec', ports.tls),
    overTls('radsecproxy', behind.port),
  ]
  const relay = await new RadiusRelay(secret).start(authPort)
  t.teardown(() => relay.stop())
  const ways = waysOf({
    ...{ name: GUEST, password: PASSWORD, networkPassword: PASSWORD },
    lines: (suffix = '') => [
      `client_cert${suffix}="${certFile}"`,
      `private_key${suffix}="${keyFile}"`,
      ...(suffix === '2' ? [`ca_cert2="${homeCa}"`] : []),
    ],
  })
  /** A guest's device trusts its home, and has never heard of us. */
  const guest = (supplicant: (typeof ways)[number]['supplicant']) => ({
    ...{ name: GUEST, anonymous: `anonymous@${REALM}`, password: PASSWORD, ...supplicant },
    more: [...(supplicant.more ?? []), `ca_cert="${homeCa}"`, `domain_match="${HOME}"`],
  })

  for (const { name, server, options } of homes) {
    await t.test(name, async (t) => {
      await rig.cli('realm', 'add', REALM, ...options, '--vlan', '90')
      for (const { method, supplicant } of ways) {
        await t.test(method, async (t) => {
          for (const version of tlsVersions) {
            const run = await rig.pass(t, relay, { ...guest(supplicant), version })
            t.equal(run.vlan, '90', 'where guests are put, whatever their home says')
          }
        })
      }

      await t.test('without EAP, and accounting', async (t) => {
        const nas = { host: '127.0.0.1', port: authPort, secret }
        const pap = (password: string) => askPap(nas, { username: GUEST, password }, 8_000)
        t.equal(await pap(PASSWORD), true)
        t.equal(await pap('wrong'), false)
        await passChallenges(t, { port: authPort, secret, name: GUEST, password: PASSWORD })
        const start = `User-Name="${GUEST}", Acct-Status-Type=Start, Acct-Session-Id="s1"`
        const said = await radclient({ port: acctPort, secret }, 'acct', start)
        t.match(said, /Received Accounting-Response/)
      })

      await t.test('whom her home refuses is refused, and the log says by whom', async (t) => {
        for (const version of tlsVersions) {
          const sinceMs = Date.now()
          const wrong = { ...guest({}), password: 'wrong', version, port: relay.port }
          const run = await rig.run(wrong)
          t.notOk(run.isSuccess || run.isSilent, version)
          t.equal(relay.takeAccept(), null)
          const wanted = new RegExp(
            `denied {2}"anonymous@${REALM}" {2}radius-proxy.*
.*NAS loopback .* realm ${REALM}, home server ${server}
 *at way in: refused-at-home
.*ask whoever runs it`,
          )
          t.match(await rig.explain(sinceMs, wanted), wanted)
        }
      })
    })
  }
})
