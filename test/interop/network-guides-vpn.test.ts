import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import {
  issueServerCertificate,
  type KeyedCertificate,
  makeAuthority,
} from '../../src/credentials/certificates/authority.ts'
import { cliOf } from '../support/cli.ts'
import { fillIn, readGuide } from '../support/guide.ts'
import { ip } from '../support/network-namespace.ts'
import { openSite, SITE_TOOLS, type Site } from '../support/site.ts'
import { type Strongswan, startStrongswan } from '../support/strongswan.ts'
import { withTools } from '../support/tools.ts'

const NAS_SECRET = 'a-secret-of-this-site-alone-0123'
const VPN = 'vpn.contoso.example'
const ADELE = 'adele.vance'
const GATEWAY = '10.96.0.1'
const needed = ['/dev/net/tun', '/usr/lib/ipsec/plugins/libstrongswan-eap-radius.so']

await withTools(
  t,
  {
    name: 'docs/networks/strongswan.md: IKEv2, whose gateway asks by RADIUS',
    tools: [...SITE_TOOLS, 'charon-systemd', 'swanctl'],
    root: true,
    others: needed.filter((path) => !existsSync(path)),
  },
  async (t: Test) => {
    const site = await openSite(t)
    const password = await allowVpn(site)
    const away = await layLine(t, site)
    const authority = await makeAuthority('VPN', Date.now())
    const gateway = await startGateway(t, site, authority)

    const client = await startClient(t, site, { space: away, authority })
    const connect = async (given: string, auth = 'eap-ttls') => {
      await client.load(clientSettings(site, { password: given, auth }))
      return await client.control('--initiate', '--child', 'home', '--timeout', '25')
    }
    const associations = async () => (await gateway.control('--list-sas')).output

    t.match((await connect('not hers')).output, /EAP_FAILURE, EAP authentication failed/, 'refused')
    t.notMatch(await associations(), /ESTABLISHED/, 'nothing is let in')

    // The key of the Access-Accept goes into IKE's AUTH: with another one it would not be there.
    const { output } = await connect(password)
    t.match(await associations(), /ESTABLISHED, IKEv2[\s\S]*remote 'adele\.vance'/, 'an IKE SA', {
      output,
    })
    t.match(await associations(), /INSTALLED/)
    t.match(await reported(site), { person: 'adele.vance' })

    // As Windows and Apple do it by themselves: no tunnel but that of IKEv2.
    await client.control('--terminate', '--ike', 'home')
    await site.admin.send('PATCH', '/networks/vpn', { methods: ['eap-mschapv2', 'ttls-mschapv2'] })
    t.match((await connect('not hers', 'eap-mschapv2')).output, /EAP_MSCHAPV2 method failed/)
    t.notMatch(await associations(), /ESTABLISHED/)
    const bare = await connect(password, 'eap-mschapv2')
    t.match(
      await associations(),
      /ESTABLISHED, IKEv2[\s\S]*remote 'adele\.vance'/,
      'an IKE SA',
      bare,
    )
  },
)

/** What the page has typed on the daemon; gives the password that Adele is shown. */
async function allowVpn({ admin, nas, demo }: Site): Promise<string> {
  const gatehouse = cliOf(demo.dataDir)
  const [block] = readGuide('strongswan', 'bash')
  for (const line of fillIn(block, { '10.30.0.5': nas }).trim().split('\n')) {
    const [npx, program, ...argv] = line.split(' ')
    if (`${npx} ${program}` !== 'npx gatehouse') throw new Error(line)
    await gatehouse(...argv)
  }
  await admin.send('PATCH', '/nas/vpn', { secret: NAS_SECRET })
  const path = `/people/${ADELE}/network-password`
  return (await admin.send<{ password: string }>('POST', path)).password
}

/** Her session, once the gateway has reported it. */
async function reported({ admin }: Site): Promise<unknown> {
  for (let tries = 0; tries < 200; tries++) {
    const path = `/sessions?person=${ADELE}&nas=vpn`
    const { sessions } = await admin.send<{ sessions: unknown[] }>('GET', path)
    if (sessions.length > 0) return sessions[0]
    await sleep(100)
  }
  return null
}

/** Somewhere outside, from where the gateway is reached; and the net behind it. */
async function layLine(t: Test, { name }: Site): Promise<string> {
  const away = `${name}a`
  t.teardown(() => ip('netns', 'del', away))
  await ip('netns', 'add', away)
  await ip('-n', name, 'link', 'add', 'out0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', away)
  await ip('-n', name, 'addr', 'add', `${GATEWAY}/24`, 'dev', 'out0')
  await ip('-n', name, 'addr', 'add', '10.0.0.1/24', 'dev', 'lo')
  await ip('-n', name, 'link', 'set', 'out0', 'up')
  await ip('-n', away, 'addr', 'add', '10.96.0.2/24', 'dev', 'eth0')
  await ip('-n', away, 'link', 'set', 'eth0', 'up')
  await ip('-n', away, 'link', 'set', 'lo', 'up')
  return away
}

async function startGateway(
  t: Test,
  { name, server, demo }: Site,
  authority: KeyedCertificate,
): Promise<Strongswan> {
  const [strongswan, swanctl] = readGuide('strongswan')
  const own = await issueServerCertificate(authority, { names: [VPN], nowMs: Date.now() })
  return await startStrongswan(t, demo.dataDir, {
    name: 'gateway',
    space: name,
    strongswan: fillIn(strongswan, { '10.0.0.10': server, SECRET: NAS_SECRET }),
    swanctl: fillIn(swanctl, {}),
    plugins: 'eap-radius',
    files: {
      'x509/vpn.pem': own.certificate,
      'private/vpn.key': own.privateKey,
      'x509ca/ca.pem': authority.certificate,
    },
  })
}

/** What the page says of strongSwan's own client. */
function clientSettings(
  { demo }: Site,
  { password, auth }: { readonly password: string; readonly auth: string },
): string {
  return `connections {
  home {
    version = 2
    remote_addrs = ${GATEWAY}
    vips = 0.0.0.0
    local {
      auth = ${auth}
      id = ${ADELE}
      eap_id = ${ADELE}
      aaa_id = ${demo.facts.radius.serverName}
    }
    remote {
      auth = pubkey
      id = ${VPN}
    }
    children {
      home {
        remote_ts = 10.0.0.0/24
      }
    }
  }
}
secrets {
  eap-adele {
    id = ${ADELE}
    secret = "${password}"
  }
}
`
}

function startClient(
  t: Test,
  { demo }: Site,
  { space, authority }: { readonly space: string; readonly authority: KeyedCertificate },
): Promise<Strongswan> {
  return startStrongswan(t, demo.dataDir, {
    name: 'client',
    space,
    strongswan: 'libtls {\n  version_max = 1.2\n}',
    swanctl: '',
    plugins: 'eap-mschapv2 eap-ttls',
    files: {
      'x509ca/vpn.pem': authority.certificate,
      'x509ca/radius.pem': readFileSync(demo.facts.radius.caFile, 'utf8'),
    },
  })
}
