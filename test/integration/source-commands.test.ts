import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { TierReport } from '../../src/admin/parts.ts'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { startTestDemo } from '../support/demo.ts'

const demo = await startTestDemo(t)
const admin = new Admin(demo.facts)
const PATH = '/sources/contoso'

const cli = cliOf(demo.dataDir)

await t.test(
  'gatehouse source pause and resume: who stops is asked for the next step',
  async (t) => {
    t.equal(
      await cli('source', 'pause', 'contoso', '--reason', 'the tenant moves'),
      'contoso is paused\n',
    )
    t.match(await cli('source', 'list'), /state reason: the tenant moves/)
    t.match(await cli('doctor'), /paused: the tenant moves; look at .*source resume contoso/)
    // A doctor that finds something ends with 1, and this process is not the one it means.
    process.exitCode = 0
    await t.rejects(cli('sync', 'contoso'), { message: /is paused \(the tenant moves\)/ })
    t.match(await cli('sync', 'contoso', '--dry-run'), /nothing was changed/)
    t.equal(await cli('source', 'resume', 'contoso'), 'contoso is active\n')
    t.match(await cli('sync', 'contoso'), /people/)
    t.match(await admin.send('POST', `${PATH}/pause`), { state: 'paused', stateReason: null })
    t.match(await admin.send('POST', `${PATH}/resume`), { state: 'active' })
    await t.rejects(admin.send('POST', '/sources/nowhere/pause'), { message: /404/ })
  },
)

await t.test(
  'gatehouse source set-secret: read from a file, and what the tenant refuses is told',
  async (t) => {
    const file = join(demo.dataDir, 'secret')
    writeFileSync(file, 'not that one\n')
    await t.rejects(cli('source', 'set-secret', 'contoso', '--secret-file', file), {
      message: /AADSTS7000215.*source set-secret/,
    })
    await t.rejects(cli('source', 'set-secret', 'contoso'), { message: /give --secret-file/ })
    await t.rejects(admin.send('PUT', `${PATH}/secret`, { clientSecret: 'not that one' }), {
      message: /422 .*source-refused/,
    })
    await t.rejects(admin.send('PUT', `${PATH}/secret`, {}), { message: /422 .*client secret/ })
    const { controlUrl } = demo.facts.microsoft365
    const changed = await fetch(`${controlUrl}/application`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ addSecret: 'another one' }),
    })
    t.ok(changed.ok, await changed.text())
    writeFileSync(file, 'another one\n')
    t.match(await cli('source', 'set-secret', 'contoso', '--secret-file', file), /used from now on/)
    t.match(await cli('sync', 'contoso', '--full'), /people \(full\)/)
  },
)

await t.test('gatehouse source tier: what is granted, and what a missing one costs', async (t) => {
  const { controlUrl } = demo.facts.microsoft365
  const grant = async (permissions: readonly string[]) => {
    const body = JSON.stringify({ permissions })
    t.ok((await fetch(`${controlUrl}/application`, { method: 'PATCH', body })).ok)
  }
  const before = (await (await fetch(`${controlUrl}/application`)).json()) as {
    permissions: string[]
  }
  await grant(['User.Read.All', 'GroupMember.Read.All', 'User.EnableDisableAccount.All'])
  t.match(
    await cli('source', 'tier', 'contoso'),
    /disable .*User\.RevokeSessions\.All +missing: whoever is suspended stays signed in/,
  )
  await grant(['User.Read.All'])
  const { tiers } = (await admin.send('GET', `${PATH}/tier`)) as TierReport
  t.match(tiers[0], { tier: 'read', missing: [{ permission: 'GroupMember.Read.All' }] })
  await grant(before.permissions)
})

await t.test('the end of a secret is told ahead, in list and doctor', async (t) => {
  const soon = new Date(Date.now() + 5.5 * 86_400_000).toISOString()
  const body = { clientSecret: 'another one', secretExpiresAt: soon }
  t.match(await admin.send('PUT', `${PATH}/secret`, body), {
    credential: { kind: 'secret', expiresAt: soon },
    nextStep: /the secret expires in 5 days/,
  })
  t.match(await cli('source', 'list'), /the secret expires in 5 days/)
  t.match(await cli('doctor'), /the secret expires in 5 days/)
  process.exitCode = 0
  const file = join(demo.dataDir, 'secret')
  await cli('source', 'set-secret', 'contoso', '--secret-file', file)
  t.match(await admin.send('GET', '/sources'), { sources: [{ credential: { expiresAt: null } }] })
})

await t.test('gatehouse source approve: says how many it means', async (t) => {
  t.match(await cli('source', 'waiting', 'contoso'), /nothing waits/)
  t.match(await admin.send('GET', `${PATH}/waiting?limit=1`), {
    count: 0,
    until: null,
    waiting: [],
  })
  await t.rejects(cli('source', 'approve', 'contoso'), { message: 'nothing waits' })
  for (const body of [undefined, {}, { count: 0, until: '2026-01-01T00:00:00Z' }, { count: 1 }])
    await t.rejects(admin.send('POST', `${PATH}/waiting/approve`, body), { message: /400/ })
  const body = { count: 1, until: '2026-01-01T00:00:00.123456Z' }
  await t.rejects(admin.send('POST', `${PATH}/waiting/approve`, body), {
    message: /409 .*not 1; nothing was approved/,
  })
})
