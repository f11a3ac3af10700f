import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { isPassword } from '../../simulators/microsoft365/tenant/sign-in-facts.ts'
import { type Body, Microsoft365Bench } from '../support/microsoft365.ts'

const bench = await Microsoft365Bench.start({ people: 60 })
t.teardown(() => bench.stop())

await t.test(
  'changes name objects by id, UPN or group name, and show in Graph at once',
  async (t) => {
    const { status, body } = await bench.control('POST', '/changes', [
      {
        op: 'create',
        kind: 'user',
        properties: { displayName: 'Nina New', userPrincipalName: 'nina.new@contoso.example' },
      },
      { op: 'addMembers', id: 'Sales', memberIds: ['nina.new@contoso.example'] },
      { op: 'update', id: 'lee.gu@contoso.example', properties: { jobTitle: null } },
      {
        op: 'setManager',
        id: 'nina.new@contoso.example',
        managerId: 'adele.vance@contoso.example',
      },
      { op: 'delete', id: 'joni.sherman@contoso.example' },
      {
        op: 'create',
        kind: 'group',
        properties: { displayName: 'Printers' },
        memberIds: ['lee.gu@contoso.example'],
      },
    ])
    t.equal(status, 200)
    t.equal(body.ids.length, 6)
    t.equal(
      (await bench.graph('/users/nina.new@contoso.example/manager')).body.displayName,
      'Adele Vance',
    )
    t.equal(
      (await bench.graph(`/groups/${body.ids[5]}/members`)).body.value[0].displayName,
      'Lee Gu',
    )
    t.equal((await bench.graph('/users/joni.sherman@contoso.example')).status, 404)
    await bench.control('POST', '/changes', { op: 'restore', id: 'joni.sherman@contoso.example' })
    t.equal((await bench.graph('/users/joni.sherman@contoso.example')).status, 200)
  },
)

await t.test('nonsense is refused with a reason', async (t) => {
  const cases = [
    { op: 'update', id: 'nobody@contoso.example', properties: {} },
    { op: 'restore', id: 'lee.gu@contoso.example' },
    { op: 'explode', id: 'lee.gu@contoso.example' },
    { op: 'create', kind: 'unicorn', properties: {} },
    { op: 'create', kind: 'user', properties: { userPrincipalName: 'lee.gu@contoso.example' } },
    null,
  ]
  for (const change of cases) {
    const { status, body } = await bench.control('POST', '/changes', change)
    t.equal(status, 400)
    t.equal(typeof body.error, 'string')
  }
  t.equal((await bench.control('POST', '/clock', { advanceMs: -1 })).status, 400)
  t.equal((await bench.control('PATCH', '/application', { colour: 'red' })).status, 400)
  t.equal((await bench.control('GET', '/nowhere')).status, 404)
})

await t.test('truth is what lives, and a purge by the clock shows in it', async (t) => {
  const before = (await bench.control('GET', '/truth?select=displayName')).body
  t.same(Object.keys(before.users[0].properties), ['displayName'])
  await bench.control('POST', '/changes', { op: 'delete', id: 'lynne.robbins@contoso.example' })
  const after = (await bench.control('GET', '/truth?select=displayName')).body
  t.equal(after.users.length, before.users.length - 1)
  t.notOk(JSON.stringify(after.groups).includes(bench.user('lynne.robbins')))
  const { body } = await bench.control('POST', '/clock', { advanceMs: 31 * 86_400_000 })
  t.equal(body.purged, 1)
  t.ok(body.nowMs > Date.now() + 30 * 86_400_000)
  t.equal((await bench.control('GET', '/tenant')).body.deletedUsers, 0)
  const { made, head } = (await bench.control('POST', '/random-changes', { count: 200, seed: 3 }))
    .body
  t.ok(made > 150 && head >= made)
})

await t.test(
  'how a person signs in is set as a change, and shown without the password',
  async (t) => {
    const id = bench.user('adele.vance')
    const signIn = { password: 'Winter 2026', mfa: 'required', denials: [53003] }
    const set = await bench.control('POST', '/changes', { op: 'setSignIn', id, signIn })
    t.equal(set.status, 200)
    const { body, text } = await bench.control('GET', '/sign-in?user=adele.vance@contoso.example')
    t.match(body, { id, hasPassword: true, mfa: 'required', denials: [53003] })
    t.notMatch(text, /Winter/)
    t.equal((await bench.control('GET', '/sign-in?user=nobody')).status, 400)
    const nonsense = { op: 'setSignIn', id, signIn: { mfa: 'perhaps' } }
    t.equal((await bench.control('POST', '/changes', nonsense)).status, 400)
  },
)

await t.test('the request log names call, permission, cost and faults, and no token', async (t) => {
  await bench.control('DELETE', '/requests')
  await bench.control('POST', '/faults', { fault: 'delay', ms: 1, times: 1 })
  const { deltaLink } = await bench.round('/users/delta?$select=id,displayName')
  await bench.graph(deltaLink)
  await bench.graph('/domains')
  const { body } = await bench.control('GET', '/requests')
  t.match(body.requests, [
    {
      on: 'graph',
      method: 'GET',
      template: '/users/delta',
      permission: 'User.Read.All',
      status: 200,
      units: 1,
      faults: ['delay'],
    },
    { template: '/users/delta', path: '/v1.0/users/delta?$deltatoken=…', faults: [] },
    { template: '/domains', permission: null, status: 403 },
  ])
})

await t.test('a browser’s page and another host name are kept out', async (t) => {
  const { controlUrl } = bench.simulator
  const withOrigin = await bench.call(`${controlUrl}/tenant`, {
    headers: { origin: 'https://evil.example' },
  })
  t.equal(withOrigin.status, 403)
  const rebound = await bench.call(`${controlUrl}/tenant`, { headers: { host: 'evil.example' } })
  t.equal(rebound.status, 403)
})

await t.test(
  'with a data folder, a restart keeps tenant, links, clock, ports and secret',
  async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'simulator-data-'))
    t.teardown(() => rmSync(dataDir, { recursive: true }))
    const first = await Microsoft365Bench.start({ dataDir, people: 30 })
    const { deltaLink } = await first.round('/users/delta?$select=displayName')
    first.simulator.tenant.update(first.user('lee.gu'), { displayName: 'Lee G.' })
    const user = { displayName: 'Nina New', userPrincipalName: 'nina.new@contoso.example' }
    const nina = first.simulator.tenant.create('user', user).id
    first.simulator.tenant.setSignIn(nina, { password: 'Winter 2026' })
    first.simulator.tenant.delete(first.user('joni.sherman'))
    first.simulator.tenant.restore(first.user('joni.sherman'))
    first.simulator.advance(3_600_000)
    const { graphUrl, controlUrl, clientSecret, caPem } = first.simulator
    const truth = (await first.control('GET', '/truth')).body
    await first.stop()
    t.equal(statSync(join(dataDir, 'identity.json')).mode & 0o777, 0o600)
    t.equal(readFileSync(join(dataDir, 'ca.pem'), 'utf8'), caPem)

    const second = await Microsoft365Bench.start({ dataDir, people: 30 })
    t.same(
      [
        second.simulator.graphUrl,
        second.simulator.controlUrl,
        second.simulator.clientSecret,
        second.simulator.caPem,
      ],
      [graphUrl, controlUrl, clientSecret, caPem],
    )
    t.ok(second.simulator.clock.offsetMs >= 3_600_000)
    t.same((await second.control('GET', '/truth')).body, truth)
    t.ok(isPassword(second.simulator.tenant.signInOf(nina), 'Winter 2026'))
    const names = (await second.round(deltaLink)).objects.map(({ displayName }) => displayName)
    t.same(new Set(names), new Set(['Lee G.', 'Nina New', 'Joni Sherman']))
    await second.stop()

    const third = await Microsoft365Bench.start({ dataDir, people: 31 })
    t.teardown(() => third.stop())
    const foreign: Body = (await third.graph(deltaLink)).body
    t.equal(foreign.error.code, 'syncStateNotFound')
  },
)

await t.test('a port asked for and taken is a fault, not another port', async (t) => {
  const port = Number(new URL(bench.simulator.graphUrl).port)
  await t.rejects(Microsoft365Bench.start({ port }), { code: 'EADDRINUSE' })
})

await t.test('it runs alone from the command line until told to stop', async (t) => {
  const args = ['--import', 'tsx', 'simulators/microsoft365/main.ts']
  const help = await promisify(execFile)(process.execPath, [...args, '--help'])
  t.match(help.stdout, /--people/)
  const child = spawn(process.execPath, [...args, '--people', '15'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  t.teardown(() => child.kill('SIGKILL'))
  let text = ''
  for await (const chunk of child.stdout) {
    text += String(chunk)
    if (text.includes('}')) break
  }
  const facts = JSON.parse(text)
  t.equal((await bench.call(`${facts.controlUrl}/tenant`)).body.users, 15)
  child.kill('SIGTERM')
  t.equal(await exited, 0)
})
