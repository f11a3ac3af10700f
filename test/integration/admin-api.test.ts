import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'ldapts'
import t from 'tap'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'

const demo = await startTestDemo(t)
const { url, adminUser, adminPassword, adminToken } = demo.facts.http
const bearer = `Bearer ${adminToken}`

async function call(
  method: string,
  path: string,
  options: { readonly body?: unknown; readonly authorization?: string | null } = {},
) {
  const { body, authorization = bearer } = options
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(authorization === null ? {} : { authorization }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: parse(text) }
}

function parse(text: string) {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

const cli = cliOf(demo.dataDir)

await t.test(
  'admin API: nobody gets in without credentials, and wrong ones look alike',
  async (t) => {
    const wrong = Buffer.from(`${adminUser}:no such password`).toString('base64')
    const unknown = Buffer.from('nobody:no such password').toString('base64')
    for (const authorization of [null, 'Bearer gh_wrong', `Basic ${wrong}`, `Basic ${unknown}`]) {
      const { status, headers, json } = await call('GET', '/api/v1/people', { authorization })
      t.equal(status, 401, String(authorization).slice(0, 6))
      t.match(headers.get('www-authenticate'), /Bearer/)
      t.notOk('people' in json)
    }
    const right = Buffer.from(`${adminUser}:${adminPassword}`).toString('base64')
    t.equal((await call('GET', '/api/v1/people', { authorization: `Basic ${right}` })).status, 200)
    const scim = `Bearer ${demo.facts.scim.token}`
    t.equal((await call('GET', '/api/v1/people', { authorization: scim })).status, 403)
  },
)

await t.test('what is wrong with a request is said by name', async (t) => {
  const message = async (method: string, path: string, body?: unknown) => {
    const { status, json } = await call(method, `/api/v1${path}`, { body })
    return `${status} ${(json['error'] as { message: string }).message}`
  }
  t.equal(
    await message('PATCH', '/people/adele.vance', { displayname: 'Adele' }),
    "400 body must not have 'displayname'",
  )
  t.match(
    await message('PUT', '/sources/contoso/tier', { tier: 'all' }),
    /^400 body\/tier must be one of: read, disable, write-back, password$/,
  )
  t.equal(
    await message('POST', '/imports'),
    "400 body must have required property 'source'",
    'a body that is left out is an empty one',
  )
  const link = await call('POST', '/api/v1/people/nestor.wilke/activation-link')
  t.equal(link.status, 200, 'where nothing has to be said, nothing may be')
  t.match(link.json['link'], /\/account\/activate\?token=/)
})

await t.test('a network is made as the manual says, and what it lacks is said', async (t) => {
  t.match(await cli('network', 'create', 'empty', '--ssid', 'Empty'), /admits nobody yet/)
  t.equal(
    await cli('network', 'create', 'vlan', '--ssid', 'V', '--group', 'wi-fi-corp=20', 'sales'),
    'vlan created\n',
  )
  await t.rejects(cli('network', 'set', 'vlan', '--group', 'Wi-Fi Corp'), {
    message: 'there is no group "Wi-Fi Corp": call it wi-fi-corp',
  })
  t.match(await cli('network', 'list'), /vlan .*wi-fi-corp \(VLAN 20\), sales/)
  for (const name of ['empty', 'vlan']) await cli('network', 'remove', name)
})

await t.test('log changes: how many and of whom are its own', async (t) => {
  const changes = JSON.parse(await cli('log', 'changes', '--limit', '2', '--json'))
  t.equal(changes.changes.length, 2)
  const hers = JSON.parse(await cli('log', 'changes', '--person', 'nestor.wilke', '--json'))
  t.ok(hers.changes.length > 0)
  t.ok(hers.changes.every(({ principal }: { principal: string }) => principal === 'nestor.wilke'))
})

await t.test('an address that cannot be read is refused in the form of its protocol', async (t) => {
  const scim = await call('GET', '/scim/v2/Users/%zz')
  t.equal(scim.status, 400)
  t.match(scim.headers.get('content-type'), 'application/scim+json')
  t.match(scim.json, {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
    status: '400',
    scimType: 'invalidSyntax',
  })
  const api = await call('GET', '/api/v1/people/%zz')
  t.equal(api.status, 400)
  t.match(api.json, { error: { code: 'bad-request' } })
})

await t.test('admin API: faults of a request say what and where, and change nothing', async (t) => {
  const cases: [string, string, unknown, number, RegExp][] = [
    ['GET', '/api/v1/people/no.body', undefined, 404, /there is no person/],
    ['GET', '/api/v1/people?limit=0', undefined, 400, /querystring\/limit/],
    ['POST', '/api/v1/people/suspend', { people: [] }, 400, /body\/people/],
    ['POST', '/api/v1/networks', { name: 'a', vlan: 5000 }, 400, /"body\/vlan must be <= 4094"/],
    ['POST', '/api/v1/networks', { name: 'a', vlan: '-1' }, 400, /"body\/vlan must be the number/],
    [
      'POST',
      '/api/v1/sessions/0b6e/disconnect',
      {},
      400,
      /"params\/id must be a whole id, such as/,
    ],
    ['POST', '/api/v1/people/suspend', { people: ['x'], extra: 1 }, 400, /must not have 'extra'/],
    [
      'PUT',
      '/api/v1/people/adele.vance/password',
      { password: 'short' },
      422,
      /use 12 characters or more/,
    ],
    ['PUT', '/api/v1/people/adele.vance/username', { username: 'alex.wilber' }, 409, /taken|use/],
    [
      'POST',
      '/api/v1/groups/sales/members/add',
      { people: ['adele.vance'] },
      422,
      /source|mirrored/,
    ],
    ['POST', '/api/v1/nas', { name: 'x', addresses: ['not an address'] }, 422, /is no address/],
    [
      'PATCH',
      '/api/v1/networks/corp',
      { attributes: [{ name: 'Sesion-Timeout', value: '60' }] },
      422,
      /unknown attribute/,
    ],
    ['GET', '/api/v1/nowhere', undefined, 404, /not served/],
  ]
  for (const [method, path, body, status, words] of cases) {
    const answer = await call(method, path, body === undefined ? {} : { body })
    t.equal(answer.status, status, `${method} ${path}: ${answer.text}`)
    t.match(answer.text, words)
  }
})

await t.test(
  'admin API: a write is seen by the next read, and by whom and why it was done',
  async (t) => {
    const suspended = await call('POST', '/api/v1/people/suspend', {
      body: { people: ['adele.vance'], reason: 'left today' },
    })
    t.same(suspended.json, { changed: 1 })
    const shown = await call('GET', '/api/v1/people/adele.vance@contoso.example')
    t.equal(shown.json['state'], 'suspended')
    t.match(shown.json['holds'], [{ reason: 'admin', note: 'left today' }])
    const again = await call('POST', '/api/v1/people/suspend', {
      body: { people: ['adele.vance'] },
    })
    t.same(again.json, { changed: 0 }, 'doing it twice changes nothing')
    const journal = await call('GET', '/api/v1/journal?person=adele.vance&limit=10')
    // What was written to Microsoft 365 for it may have come after it.
    const changes = journal.json['changes'] as { kind: string }[]
    t.match(changes.filter(({ kind }) => !kind.startsWith('source.push')).slice(0, 1), [
      { kind: 'person', actor: `admin:${adminUser}`, reason: 'left today' },
    ])
    t.same(
      (await call('POST', '/api/v1/people/resume', { body: { people: ['adele.vance'] } })).json,
      {
        changed: 1,
        stillHeld: [],
      },
    )
  },
)

await t.test('admin API: secrets are shown once and never again', async (t) => {
  const created = await call('POST', '/api/v1/ldap-clients', { body: { name: 'gitlab' } })
  t.equal(created.status, 201)
  t.equal(created.json['bindDn'], 'uid=gitlab,ou=services,dc=contoso,dc=example')
  const secret = String(created.json['secret'])
  t.ok(secret.length >= 28)
  const listed = await call('GET', '/api/v1/ldap-clients')
  t.match(listed.text, /gitlab/)
  t.notOk(listed.text.includes(secret))
  const nas = await call('POST', '/api/v1/nas', {
    body: { name: 'office', addresses: ['10.20.0.0/16'] },
  })
  t.equal(nas.status, 201)
  t.notOk((await call('GET', '/api/v1/nas')).text.includes(String(nas.json['secret'])))
  const body = { name: 'overlap', addresses: ['10.20.7.0/24', '10.20.0.0/16'] }
  const taken = await call('POST', '/api/v1/nas', { body })
  t.equal(taken.status, 409, 'of one block only one secret can count')
  t.match(taken.text, /10\.20\.0\.0\/16 belongs to the NAS office/)
  const inside = { name: 'floor', addresses: ['10.20.7.0/24'] }
  t.equal((await call('POST', '/api/v1/nas', { body: inside })).status, 201)
  const kept = { addresses: ['10.20.0.0/16', '10.21.0.0/16'] }
  t.equal((await call('PATCH', '/api/v1/nas/office', { body: kept })).status, 200, 'its own')
  const another = 'another-secret-of-its-own'
  const moving = { ...kept, secret: another, keepOldSecret: true }
  const moved = await call('PATCH', '/api/v1/nas/floor', { body: moving })
  t.equal(moved.status, 409, moved.text)
  const all = (await call('GET', '/api/v1/nas')).json['nas'] as { secrets: number }[]
  t.ok(
    all.every(({ secrets }) => secrets === 1),
    'and nothing of it is done',
  )
  t.equal((await call('POST', '/api/v1/ldap-clients', { body: { name: 'GitLab' } })).status, 409)
})

await t.test(
  'health, ready and metrics answer without credentials and hold no secret',
  async (t) => {
    const ready = await call('GET', '/ready', { authorization: null })
    t.equal(ready.status, 200, ready.text)
    t.match(ready.json['notes'], [/embedded database/])
    const metrics = await call('GET', '/metrics', { authorization: null })
    t.match(metrics.text, /^gatehouse_feed_age_seconds /m)
    t.notOk(metrics.text.includes(adminToken))
  },
)

await t.test('admin API: who set a password is found by whose it is', async (t) => {
  const path = '/api/v1/people/diego.siciliani/password'
  const set = await call('PUT', path, { body: { generate: true } })
  const changes = await cli('log', 'changes', '--person', 'diego.siciliani', '--limit', '1')
  t.match(changes, /credential +diego\.siciliani .* type=primary-password label=password/)
  t.notOk(changes.includes(String(set.json['password'])))
})

await t.test('admin API: a body that cannot be read is refused in words', async (t) => {
  const { url, adminToken } = demo.facts.http
  const send = async (body: string | ReadableStream) => {
    const response = await fetch(`${url}/api/v1/people/suspend`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      body,
      ...(typeof body === 'string' ? {} : { duplex: 'half' as const }),
    })
    return [response.status, ((await response.json()) as { error: { code: string } }).error.code]
  }
  const large = JSON.stringify({ people: ['x'.repeat(5_000_000)] })
  t.same(await send('{"people":'), [400, 'bad-request'])
  t.same(await send(''), [400, 'bad-request'])
  t.same(await send('{"__proto__":{}}'), [400, 'bad-request'])
  t.same(await send(large), [413, 'bad-request'], 'by the length it tells')
  t.same(await send(new Blob([large]).stream()), [413, 'bad-request'], 'and without one')
})

await t.test('admin API: a person who was locked out is unlocked', async (t) => {
  const { ldap } = demo.facts
  const client = new Client({ url: ldap.url })
  t.teardown(() => client.unbind())
  const bind = (password: string) => client.bind(`uid=alex.wilber,${ldap.peopleDn}`, password)
  for (let at = 0; at < 6; at++) await t.rejects(bind(`wrong ${at}`), { code: 49 })
  await t.rejects(bind(PASSWORD), { code: 49 }, 'back-off: the right one is not even looked at')
  const path = '/api/v1/people/alex.wilber/failures'
  t.match((await call('GET', path)).json['failures'], [
    { resource: 'ldap', blocked: 'backing-off' },
  ])
  t.same((await call('DELETE', path)).json, { changed: 1 })
  await bind(PASSWORD)
  t.same((await call('DELETE', path)).json, { changed: 0 })
  const changes = await cli('log', 'changes', '--person', 'alex.wilber', '--limit', '1')
  t.match(changes, /admin\.unlock +alex\.wilber .*failures=\d+/)
})

await t.test(
  'command line: the same words over the socket, for people and for machines',
  async (t) => {
    t.equal(statSync(join(demo.dataDir, 'admin.sock')).mode & 0o777, 0o600)
    t.match(await cli('person', 'list', '--state', 'suspended'), /lynne\.robbins .*suspended/)
    t.equal(await cli('person', 'activate', 'nestor.wilke'), '1 activated\n')
    t.match(JSON.parse(await cli('--json', 'person', 'show', 'nestor.wilke')), { state: 'active' })
    t.match(await cli('group', 'show', 'wi-fi-corp'), /members:[\s\S]* engineering {2}group/)
    t.match(
      await cli('network', 'list'),
      /corp +10 .*engineering \(VLAN 20\)|corp +10 +corp .*everyone/,
    )
    t.match(await cli('sync', '--dry-run'), /dry run: nothing was changed/)
    t.match(await cli('doctor'), /ok +source contoso: last round/)
    await t.rejects(cli('person', 'show', 'no.body'), /there is no person "no.body"/)
  },
)

await t.test('command line: a backup of what runs, and a refusal to restore over it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-backup-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'all.backup')
  t.match(await cli('backup', file), /written without the master key/)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.same([...readFileSync(file).subarray(0, 2)], [0x1f, 0x8b], 'gzip')
  await t.rejects(cli('restore', file), /stop it first/)
})
