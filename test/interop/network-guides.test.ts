import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { PASSWORD } from '../support/demo.ts'
import { fillIn, readGuide } from '../support/guide.ts'
import { runInside } from '../support/network-namespace.ts'
import { startFreeradius } from '../support/radius-peers.ts'
import { openSite, SITE_TOOLS, type Site } from '../support/site.ts'
import { withTools } from '../support/tools.ts'

const NAS_SECRET = 'a-secret-of-this-site-alone-0123'
const ADELE = 'adele.vance@contoso.example'

/** What Debian's site does about realms, and who may ask. */
const FRONT = `client front {
  ipaddr = 127.0.0.1
  secret = front
}
modules {
  realm suffix {
    format = suffix
    delimiter = "@"
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = 1812
  }
  listen {
    type = acct
    ipaddr = 127.0.0.1
    port = 1813
  }
  authorize {
    suffix
  }
  preacct {
    suffix
  }
}
`

/** The NAS as the guides have it: an entry of its own address, with a secret of its own. */
async function createNas({ admin, nas }: Site): Promise<void> {
  await admin.send('POST', '/nas', { name: 'site', addresses: [`${nas}/32`], secret: NAS_SECRET })
}

function folderOf({ demo }: Site, name: string): string {
  const folder = join(demo.dataDir, name)
  mkdirSync(folder, { recursive: true })
  return folder
}

await withTools(
  t,
  {
    name: 'docs/networks/freeradius.md: a FreeRADIUS in front',
    tools: [...SITE_TOOLS, 'freeradius', 'radclient', 'eapol_test'],
    root: true,
  },
  async (t: Test) => {
    const site = await openSite(t)
    await createNas(site)
    const folder = folderOf(site, 'freeradius')
    const [proxy] = readGuide('freeradius')
    const printed = fillIn(proxy, { '10.0.0.10': site.server, SECRET: NAS_SECRET })
    const log = await startFreeradius(t, folder, `${printed}\n${FRONT}`, site.name)

    const ask = (what: string, port: number, attributes: string) =>
      runInside(
        site.name,
        'radclient',
        ['-x', '-r', '1', '-t', '20', `127.0.0.1:${port}`, what, 'front'],
        attributes,
      )
    const login = (password: string) =>
      `User-Name="${ADELE}", User-Password="${password}", Message-Authenticator=0x00`
    const { output } = await ask('auth', 1812, login(PASSWORD))
    t.match(output, /Received Access-Accept[\s\S]*Tunnel-Private-Group-Id:0 = "30"/)
    t.match((await ask('auth', 1812, login('wrong'))).output, /Received Access-Reject/)
    t.match(log(), /Login incorrect \(Home Server says so\)/, 'it is the daemon that said no')
    const session = `User-Name="${ADELE}", Acct-Status-Type=Start, Acct-Session-Id="f1"`
    t.match((await ask('acct', 1813, session)).output, /Received Accounting-Response/)

    for (const [password, end] of [
      [PASSWORD, /MPPE keys OK: 1 {2}mismatch: 0\nSUCCESS\n$/],
      ['wrong', /CTRL-EVENT-EAP-FAILURE[\s\S]*\nFAILURE\n$/],
    ] as const) {
      const file = join(folder, 'eapol.conf')
      writeFileSync(file, ttlsPap(site, password))
      const server = ['-a', '127.0.0.1', '-p', '1812', '-s', 'front', '-t', '30']
      const args = ['-c', file, ...server, '-N', '30:s:02-00-00-00-00-01:corp']
      t.match((await runInside(site.name, 'eapol_test', args)).output, end)
    }
  },
)

function ttlsPap({ demo }: Site, password: string): string {
  const { caFile, serverName } = demo.facts.radius
  const lines = [
    'key_mgmt=IEEE8021X',
    'eap=TTLS',
    `identity="${ADELE}"`,
    'anonymous_identity="anonymous@contoso.example"',
    `password="${password}"`,
    'phase2="auth=PAP"',
    `ca_cert="${caFile}"`,
    `domain_match="${serverName}"`,
  ]
  return `network={\n${lines.join('\n')}\n}\n`
}
