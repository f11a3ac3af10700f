import t from 'tap'
import type { ImportSettingsView, ImportView } from '../../src/admin/import-control.ts'
import type { ImportPreview, PeoplePage } from '../../src/sources/import.ts'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { startTestDemo } from '../support/demo.ts'

const demo = await startTestDemo(t)
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)

/** What happens in the tenant, through the simulator's own control address. */
async function change(op: Record<string, unknown>): Promise<Record<string, string>> {
  const { controlUrl } = demo.facts.microsoft365
  const response = await fetch(`${controlUrl}/changes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(op),
  })
  const text = await response.text()
  t.ok(response.ok, text)
  return JSON.parse(text) as Record<string, string>
}

async function hire(name: string, more: Record<string, unknown> = {}): Promise<void> {
  const [givenName, surname] = name.split('.')
  await change({
    op: 'create',
    kind: 'user',
    properties: {
      accountEnabled: true,
      displayName: `${givenName} ${surname}`,
      givenName,
      surname,
      mailNickname: name,
      userPrincipalName: `${name}@contoso.example`,
      userType: 'Member',
      ...more,
    },
  })
}

await t.test('gatehouse import: choose, look, run, by command line', async (t) => {
  t.match(await cli('import', 'policy', 'contoso'), /import: everybody/)
  await t.rejects(cli('import', 'rule', 'add', 'contoso', '--licensed'), {
    message: /import policy SOURCE chosen/,
  })
  t.match(await cli('import', 'policy', 'contoso', 'chosen', '--reason', 'pilot'), /import: chosen/)
  t.match(await cli('source', 'list'), /import: chosen/)
  t.match(await cli('import', 'list'), /no import yet/)
  await t.rejects(cli('import', 'people'), { message: /no import yet: gatehouse import start/ })

  await hire('nora.newman', { department: 'Pilot' })
  await hire('oscar.olsen', { department: 'Pilot', accountEnabled: false })
  await hire('petra.prior')
  await cli('sync', 'contoso')
  await t.rejects(cli('person', 'show', 'nora.newman'), { message: /nora.newman/ })

  const started = await cli('import', 'start')
  t.match(started, /import [0-9a-f-]{36} of contoso/)
  t.match(started, /RoleManagement.Read.Directory/, 'what is not known is said, and how to mend it')
  t.match(
    await cli('import', 'people', '--department', 'pilot'),
    /nora.newman@contoso.example +- +new +nora.newman +0/,
  )
  t.notMatch(await cli('import', 'people', '--department', 'pilot'), /petra/)
  t.match(
    await cli('import', 'people', '--match', 'linked', '--search', 'adele'),
    /linked +adele.vance/,
  )
  await t.rejects(cli('import', 'choose'), { message: /say whom/ })
  const chosen = await cli('import', 'choose', '--department', 'Pilot', '--no-disabled')
  t.match(chosen, /count: 1\n/)
  t.match(await cli('import', 'choose', '--with', 'oscar.olsen@contoso.example'), /disabled: 1\n/)
  await t.rejects(cli('import', 'run'), {
    message: /say whom you mean: gatehouse import run --count 2 --until /,
  })

  const preview = JSON.parse(await cli('--json', 'import', 'preview')) as ImportPreview
  await t.rejects(cli('import', 'run', '--count', '1', '--until', preview.until), {
    message: /2 people are chosen.*nobody was imported/,
  })
  const done = await cli('import', 'run', '--count', '2', '--until', preview.until)
  t.match(done, /\d of 2 …/)
  t.match(done, /2 came in as staged, 0 were linked/)
  t.match(await cli('import', 'show'), /state: done/)
  t.match(await cli('person', 'show', 'nora.newman'), /staged/)
  await admin.activate('nora.newman')
  t.match(await cli('person', 'show', 'nora.newman'), /active/)
  t.match(await cli('log', 'changes'), /source.imported/)
  await cli('person', 'delete', 'nora.newman', '--yes')
  t.match(await cli('import', 'people', '--match', 'deleted'), /nora.newman@.* deleted +/)
  t.notMatch(await cli('import', 'people', '--match', 'linked', '--department', 'Pilot'), /nora/)
  await cli('person', 'restore', 'nora.newman')
  t.match(await cli('import', 'people', '--department', 'Pilot'), /nora.newman@.* linked +/)
  t.match(await cli('import', 'cancel'), /is forgotten/)
  t.match(await cli('import', 'list'), /no import yet/)
})

await t.test('gatehouse import rule: newcomers come in by it', async (t) => {
  await t.rejects(cli('import', 'rule', 'add', 'contoso', '--group', 'nowhere'), {
    message: /the source has no group nowhere/,
  })
  const added = await cli(
    'import',
    'rule',
    'add',
    'contoso',
    '--department',
    'Rules',
    '--action',
    'activate',
  )
  t.match(added, /department=Rules +activate +0 +0/)
  await hire('quinn.quick', { department: 'Rules' })
  await cli('sync', 'contoso')
  t.match(await cli('person', 'show', 'quinn.quick'), /active/)
  const { rules } = JSON.parse(
    await cli('--json', 'import', 'rule', 'list', 'contoso'),
  ) as ImportSettingsView
  t.match(rules, [{ admitted: 1, activated: 1, createdBy: 'cli' }])
  t.match(
    await cli('import', 'rule', 'remove', 'contoso', rules[0]?.id ?? ''),
    /nobody comes in who is not chosen/,
  )
})

await t.test('the same by the admin API', async (t) => {
  const petra = 'petra.prior@contoso.example'
  const { id } = await admin.send<ImportView>('POST', '/imports', { source: 'contoso' })
  t.match(await admin.send('GET', '/imports'), {
    imports: [{ id, state: 'draft', matching: null }],
  })
  const page = await admin.send<PeoplePage>(
    'GET',
    `/imports/${id}/people?match=new&guest=false&limit=1`,
  )
  t.match(page, {
    people: [{ userPrincipalName: petra, match: 'new', isChosen: false }],
    next: null,
  })
  await admin.send('PUT', `/imports/${id}/choice`, { matching: { guest: false } })
  const decision = `/imports/${id}/people/${petra}/decision`
  await t.rejects(admin.send('PUT', decision, { decision: 'link', to: 'adele.vance' }), {
    message: /422 .*comes from this source already/,
  })
  await admin.send('PUT', decision, { decision: 'separate' })
  await admin.send('DELETE', decision)
  const { count, until } = await admin.send<ImportPreview>('GET', `/imports/${id}/preview`)
  t.equal(count, 1)
  t.match(await admin.send('POST', `/imports/${id}/run`, { count, until }), { total: 1 })
  const isRunning = async () =>
    (await admin.send<ImportView>('GET', `/imports/${id}`)).state === 'running'
  while (await isRunning()) await new Promise((resolve) => setTimeout(resolve, 20))
  t.match(await admin.send('GET', `/imports/${id}`), { state: 'done', counts: { created: 1 } })
  // The import is read from the database, people from what the daemon has read of it: a moment later.
  const person = () => admin.send('GET', '/people/petra.prior').catch(() => null)
  while ((await person()) === null) await new Promise((resolve) => setTimeout(resolve, 20))
  t.match(await person(), { state: 'staged' })
  await t.rejects(admin.send('GET', '/imports/none'), { message: /404 .*no import none/ })
  await t.rejects(admin.send('GET', `/imports/${id}/people?after=x`), { message: /422/ })
  await t.rejects(admin.send('PUT', `/imports/${id}/choice`, { matching: { shoeSize: 42 } }), {
    message: /400/,
  })
  await admin.send('DELETE', `/imports/${id}`)
  await t.rejects(admin.send('DELETE', `/imports/${id}`), { message: /404/ })
})
