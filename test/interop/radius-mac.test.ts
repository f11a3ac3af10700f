import t from 'tap'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { startTestDemo } from '../support/demo.ts'
import { untilLogged } from '../support/last-answer.ts'
import { runTool } from '../support/run-tool.ts'
import { withTools } from '../support/tools.ts'

const demo = await startTestDemo(t)
const { radius } = demo.facts
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)

const MAC = '00:11:22:aa:bb:cc'

async function radclient(kind: 'auth' | 'acct', attributes: string): Promise<string> {
  const port = kind === 'auth' ? radius.authPort : radius.acctPort
  const args = ['-x', '-r', '2', '-t', '5', `${radius.host}:${port}`, kind, radius.secret]
  return (await runTool('radclient', args, attributes)).output
}

const ofDevice = (name: string, ssid = 'things') =>
  `User-Name = "${name}", User-Password = "${name}", Calling-Station-Id = "00-11-22-AA-BB-CC", ` +
  `Called-Station-Id = "02-00-00-00-00-01:${ssid}", NAS-Port-Type = Wireless-802.11`

interface Sessions {
  readonly sessions: readonly {
    readonly person: string | null
    readonly disconnect: { readonly cause: string } | null
  }[]
}

await t.test('the list: empty, refusals, a change', async (t) => {
  t.match(await cli('device', 'list'), /no devices yet/)
  const things = ['--ssid', 'things', '--method', 'mac', '--vlan', '30', '--priority', '5']
  await cli('network', 'create', 'things', ...things)
  const add = (...args: string[]) => cli('device', 'add', ...args)
  await t.rejects(add('printer', MAC), { message: /--network/ })
  await t.rejects(add('printer', '00:11', '--network', 'things'), { message: /no MAC address/ })
  await t.rejects(add('printer', '01:11:22:aa:bb:cc', '--network', 'things'), {
    message: /multicast/,
  })
  await t.rejects(add(MAC, MAC, '--network', 'things'), { message: /say what it is/ })
  await t.rejects(add('printer', MAC, '--network', 'nowhere'), { message: /nowhere/ })
  t.match(await add('printer', '0011.22AA.BBCC', '--network', 'things'), `printer added: ${MAC}`)
  await t.rejects(add('other', MAC, '--network', 'things'), { message: /that of another device/ })
  await t.rejects(add('Printer', '00:11:22:aa:bb:cd', '--network', 'things'), {
    message: /the name Printer is that of another device/,
  })
  const until = ['--vlan', '77', '--until', '2099-12-24', '--owner', 'adele.vance']
  await cli('device', 'set', '00-11-22-AA-BB-CC', '--name', 'printer-2', ...until)
  t.match(JSON.parse(await cli('device', 'list', '--json')).devices, [
    {
      name: 'printer-2',
      mac: MAC,
      networks: ['things'],
      owner: 'adele.vance',
      vlan: 77,
      enabled: true,
      expiresAt: '2099-12-24T00:00:00.000Z',
      lastSeenAt: null,
    },
  ])
  await cli('device', 'set', 'printer-2', '--vlan', 'none', '--until', 'none', '--owner', 'none')
  t.match(await cli('log', 'changes', '--json'), /"device"/)
})

await withTools(t, { name: 'radclient asks as switches do', tools: ['radclient'] }, async (t) => {
  await t.test('a device of the list comes in, in each notation', async (t) => {
    for (const name of [MAC, '00-11-22-AA-BB-CC', '0011.22aa.bbcc', '001122aabbcc']) {
      const output = await radclient('auth', ofDevice(name))
      t.match(output, /Received Access-Accept/, name)
      t.match(output, /Tunnel-Private-Group-Id:0 = "30"/, name)
    }
    const chap = ofDevice('001122aabbcc').replace('User-Password', 'CHAP-Password')
    t.match(await radclient('auth', chap), /Received Access-Accept/)
    const check = ofDevice(MAC).replace(/User-Password = "[^"]+"/, 'Service-Type = Call-Check')
    t.match(await radclient('auth', check), /Received Access-Accept/)
    t.equal(await untilLogged(cli, MAC, 'success radius-mac null'), 'success radius-mac null')
    t.match(await cli('device', 'list', '--json'), /"lastSeenAt": ?"2/)
  })

  await t.test('one that is not, or asks elsewhere, is refused and told why', async (t) => {
    const unknown = ofDevice('001122aabb00').replace('AA-BB-CC', 'AA-BB-00')
    t.match(await radclient('auth', unknown), /Received Access-Reject/)
    const reason = 'denied radius-mac unknown-device'
    t.equal(await untilLogged(cli, '001122aabb00', reason), reason)
    t.match(await radclient('auth', ofDevice('001122AABBCC', 'corp')), /Received Access-Reject/)
    const elsewhere = 'denied radius-mac method-not-allowed'
    t.equal(await untilLogged(cli, '001122AABBCC', elsewhere), elsewhere)
  })

  await t.test('disabled: let in no more, and its session is ended', async (t) => {
    const accepted = await radclient('auth', ofDevice(MAC))
    const ours = /Class = (0x[0-9a-f]+)/.exec(accepted)?.[1] ?? ''
    const start =
      `User-Name = "${MAC}", Acct-Status-Type = Start, Acct-Session-Id = "mab-1", ` +
      `Class = ${ours}, Calling-Station-Id = "00-11-22-AA-BB-CC", NAS-Identifier = "switch"`
    t.match(await radclient('acct', start), /Received Accounting-Response/)
    const session = async () =>
      (await admin.send<Sessions>('GET', '/sessions')).sessions.find(
        ({ person }) => person === 'printer-2',
      )
    t.match(await session(), { disconnect: null })
    await cli('device', 'set', 'printer-2', '--disable')
    t.match(await radclient('auth', ofDevice(MAC)), /Received Access-Reject/)
    let cause: string | undefined
    for (let tries = 0; tries < 500 && cause === undefined; tries++)
      cause = (await session())?.disconnect?.cause
    t.equal(cause, 'device-disabled')
  })

  await t.test('removed: unknown again', async (t) => {
    await cli('device', 'set', 'printer-2', '--enable')
    t.match(await radclient('auth', ofDevice(MAC)), /Received Access-Accept/)
    await cli('device', 'remove', 'printer-2')
    t.match(await radclient('auth', ofDevice(MAC)), /Received Access-Reject/)
  })
})
