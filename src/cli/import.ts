import { setTimeout as sleep } from 'node:timers/promises'
import { Argument, type Command, Option } from 'commander'
import type { ImportSettingsView, ImportView } from '../admin/import-control.ts'
import { type ImportPreview, MATCHES, RULE_ACTIONS, type SessionPerson } from '../sources/import.ts'
import { POLICIES } from '../sources/judge-people.ts'
import { CliError } from './client.ts'
import type { CommandContext, Run } from './context.ts'
import { filterFrom, withFilter } from './import-filter.ts'
import { numberFrom } from './number.ts'
import { readPages } from './pages.ts'
import { printFields, printTable } from './print.ts'
import { onlySource } from './source.ts'

const POLL_MS = 500
const NOBODY =
  'nobody is chosen: gatehouse import choose --help (after a run: gatehouse import start)'

/** `import start|list|show|people|choose|link|separate|preview|run|cancel|policy|rule` */
export function addImport(program: Command, run: Run): void {
  const command = program
    .command('import')
    .description("choose among a source's people, and take them in")
  addSessions(command, run)
  addChoice(command, run)
  addDecisions(command, run)
  addRun(command, run)
  addPolicy(command, run)
  addRules(command, run)
}

function addSessions(command: Command, run: Run): void {
  command
    .command('start [source]')
    .description('begin to choose; nobody is chosen yet')
    .action(async (name: string | undefined, _options: unknown, own: Command) => {
      const context = run(own)
      const source = name ?? (await onlySource(context))
      const started = await context.client().send<ImportView>('POST', '/imports', { source })
      context.show(started, ({ id, rolesUnknown }) => {
        context.output.write(`import ${id} of ${source}; see whom you can choose:\n`)
        context.output.write('  gatehouse import people\n')
        if (rolesUnknown !== null)
          context.output.write(`who has a role in the tenant is not known: ${rolesUnknown}\n`)
      })
    })

  command
    .command('list')
    .description('imports, the newest first')
    .action(async (_options: unknown, own: Command) => {
      const context = run(own)
      const answer = await context.client().get<{ imports: ImportView[] }>('/imports')
      context.show(answer, ({ imports }) => {
        printTable(
          context.output,
          imports.map(({ id, source, state, counts, createdBy, createdAt }) => ({
            id,
            source,
            state,
            imported: counts.created + counts.linked,
            by: createdBy,
            at: createdAt,
          })),
          'no import yet: gatehouse import start',
        )
      })
    })

  command
    .command('show [import]')
    .description('an import, and how far its run is; the newest unless one is named')
    .action(async (id: string | undefined, _options: unknown, own: Command) => {
      const context = run(own)
      context.show(await context.client().get<ImportView>(`/imports/${await idOf(context, id)}`))
    })

  command
    .command('cancel [import]')
    .description('forget an import; a run ends, and who came in by it stays')
    .action(async (id: string | undefined, _options: unknown, own: Command) => {
      const context = run(own)
      const found = await idOf(context, id)
      const removed = await context.client().send<object>('DELETE', `/imports/${found}`)
      context.show(removed, () => context.output.write(`import ${found} is forgotten\n`))
    })
}

function addChoice(command: Command, run: Run): void {
  withFilter(
    command
      .command('people [import]')
      .description("the source's people: what they are here, and what they would be called")
      .addOption(new Option('--match <match>', 'only these').choices(MATCHES))
      .option('--chosen', 'only who is chosen')
      .option('--no-chosen', 'only who is not chosen')
      .option('--limit <n>', 'how many at most', '100'),
  ).action(async (id: string | undefined, options: PeopleOptions, own: Command) => {
    const context = run(own)
    const path = `/imports/${await idOf(context, id)}/people`
    const isChosen = own.getOptionValueSource('chosen') === 'cli' ? options.chosen : undefined
    const asked = { ...filterFrom(own), match: options.match, chosen: isChosen }
    const query = Object.entries(asked).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as const],
    )
    const answer = await readPages<'people', SessionPerson>(
      context.client(),
      { path, key: 'people', page: 500 },
      { ...Object.fromEntries(query), limit: options.limit },
    )
    context.show(answer, ({ people, next }) => {
      printTable(context.output, people.map(listedRow), 'nobody of that kind')
      if (next !== null) context.output.write('… and more: raise --limit, or narrow it\n')
    })
  })

  withFilter(
    command
      .command('choose [import]')
      .description('choose everybody who matches, and people by name; or nobody')
      .option('--all', 'everybody')
      .option('--none', 'nobody: forget all that was said')
      .option('--with <people...>', 'these as well, by UPN or id')
      .option('--without <people...>', 'but not these'),
  ).action(async (id: string | undefined, options: ChooseOptions, own: Command) => {
    const context = run(own)
    const client = context.client()
    const choice = choiceFrom(options, filterFrom(own))
    const path = `/imports/${await idOf(context, id)}`
    const chosen = await client.send<ImportView>('PUT', `${path}/choice`, choice)
    if (context.output.isJson) context.show(chosen)
    else showPreview(context, await client.get<ImportPreview>(`${path}/preview`))
  })
}

/** @throws {CliError} when nobody was meant */
function choiceFrom(
  options: ChooseOptions,
  filter: Readonly<Record<string, string | boolean>>,
): Readonly<Record<string, unknown>> {
  const hasFilter = options.all === true || Object.keys(filter).length > 0
  const choice = {
    ...(options.none === true ? { matching: null } : hasFilter ? { matching: filter } : {}),
    ...(options.with === undefined ? {} : { with: options.with }),
    ...(options.without === undefined ? {} : { without: options.without }),
  }
  if (Object.keys(choice).length > 0) return choice
  throw new CliError('say whom: --all, --none, --with, --without, or a filter such as --licensed')
}

function addDecisions(command: Command, run: Run): void {
  command
    .command('link <person>')
    .description('say that a newcomer is somebody who is here already')
    .requiredOption('--to <person>', 'who she is here')
    .option('--import <id>', 'the newest unless one is named')
    .action(async (person: string, options: { to: string; import?: string }, own: Command) => {
      const context = run(own)
      const body = { decision: 'link', to: options.to }
      context.show(await decide(context, { person, body, id: options.import }), () =>
        context.output.write(`${person} is ${options.to}, once the import is run\n`),
      )
    })

  command
    .command('separate <person>')
    .description('say that a newcomer is nobody who is here already')
    .option('--import <id>', 'the newest unless one is named')
    .action(async (person: string, options: { import?: string }, own: Command) => {
      const context = run(own)
      const body = { decision: 'separate' }
      context.show(await decide(context, { person, body, id: options.import }), () =>
        context.output.write(`${person} comes in as a new person, once the import is run\n`),
      )
    })
}

async function decide(
  context: CommandContext,
  word: { readonly person: string; readonly body: object; readonly id: string | undefined },
): Promise<ImportView> {
  const path = `/imports/${await idOf(context, word.id)}/people/${encodeURIComponent(word.person)}`
  return await context.client().send<ImportView>('PUT', `${path}/decision`, word.body)
}

function addRun(command: Command, run: Run): void {
  command
    .command('preview [import]')
    .description('what a run would do, and what to type to let it')
    .action(async (id: string | undefined, _options: unknown, own: Command) => {
      const context = run(own)
      const path = `/imports/${await idOf(context, id)}/preview`
      const preview = await context.client().get<ImportPreview>(path)
      context.show(preview, () => showPreview(context, preview))
    })

  command
    .command('run [import]')
    .description('import who was seen in the preview, as staged; shows how far it is')
    .option('--count <n>', 'how many you mean; without it they are shown')
    .option('--until <time>', 'of those told of until then')
    .option('--reason <text>', 'why, for the log')
    .action(async (id: string | undefined, options: RunOptions, own: Command) => {
      const context = run(own)
      const client = context.client()
      const path = `/imports/${await idOf(context, id)}`
      if (options.count === undefined || options.until === undefined) {
        const preview = await client.get<ImportPreview>(`${path}/preview`)
        if (preview.count === 0) throw new CliError(NOBODY)
        if (!context.output.isJson) showPreview(context, preview)
        throw new CliError(`say whom you mean: ${runCommand(preview)}`)
      }
      const { until, reason } = options
      const count = numberFrom('--count', options.count)
      const body = { count, until, ...(reason === undefined ? {} : { reason }) }
      const ended = await follow(
        context,
        await client.send<ImportView>('POST', `${path}/run`, body),
      )
      context.show(ended, ({ counts }) => {
        context.output.write(
          `${counts.created} came in as staged, ${counts.linked} were linked; left out: ` +
            `${counts.skipped} who may be here already, or changed since the preview\n`,
        )
        if (counts.created > 0)
          context.output.write(
            'they serve nothing yet: gatehouse person list --state staged, then person activate\n',
          )
      })
      if (ended.state === 'failed') throw new CliError(`the import failed: ${ended.error}`)
    })
}

/** Waits for the end of a run, which does not need this command, and tells how far it is. */
async function follow(context: CommandContext, started: ImportView): Promise<ImportView> {
  let seen = started
  let said = -1
  while (seen.state === 'running') {
    const { created, linked, skipped } = seen.counts
    const done = created + linked + skipped
    if (done !== said && !context.output.isJson)
      context.output.write(`${done} of ${seen.total} …\n`)
    said = done
    await sleep(POLL_MS, undefined, { signal: context.signal })
    seen = await context.client().get<ImportView>(`/imports/${seen.id}`)
  }
  return seen
}

function addPolicy(command: Command, run: Run): void {
  command
    .command('policy <source>')
    .addArgument(new Argument('[whom]', 'who comes in by herself').choices(POLICIES))
    .description('who of a source comes in by herself: everybody, or nobody but the chosen')
    .option('--reason <text>', 'why, for the log')
    .action(
      async (
        source: string,
        whom: string | undefined,
        options: { reason?: string },
        own: Command,
      ) => {
        const context = run(own)
        const path = `/sources/${encodeURIComponent(source)}/import`
        const settings =
          whom === undefined
            ? await context.client().get<ImportSettingsView>(path)
            : await context
                .client()
                .send<ImportSettingsView>('PUT', path, { import: whom, ...options })
        context.show(settings)
      },
    )
}

function addRules(command: Command, run: Run): void {
  const rule = command.command('rule').description('who of a source comes in without being chosen')
  const pathOf = (source: string) => `/sources/${encodeURIComponent(source)}/import`

  rule
    .command('list <source>')
    .description('rules, and how many came by each')
    .action(async (source: string, _options: unknown, own: Command) => {
      const context = run(own)
      const settings = await context.client().get<ImportSettingsView>(pathOf(source))
      context.show(settings, () => showRules(context, settings))
    })

  withFilter(
    rule
      .command('add <source>')
      .description('take in whoever matches, now and from now on')
      .addOption(
        new Option('--action <action>', 'activate: they can be used at once, within a limit a day')
          .choices(RULE_ACTIONS)
          .default('stage'),
      )
      .option('--reason <text>', 'why, for the log'),
  ).action(async (source: string, options: { action: string; reason?: string }, own: Command) => {
    const context = run(own)
    const { action, reason } = options
    const filter = filterFrom(own)
    const body = { filter, action, ...(reason === undefined ? {} : { reason }) }
    const path = `${pathOf(source)}/rules`
    const settings = await context.client().send<ImportSettingsView>('POST', path, body)
    context.show(settings, () => showRules(context, settings))
  })

  rule
    .command('remove <source> <rule>')
    .description('take nobody in by it any more; who came by it stays')
    .action(async (source: string, id: string, _options: unknown, own: Command) => {
      const context = run(own)
      const path = `${pathOf(source)}/rules/${encodeURIComponent(id)}`
      const settings = await context.client().send<ImportSettingsView>('DELETE', path)
      context.show(settings, () => showRules(context, settings))
    })
}

interface PeopleOptions {
  readonly match?: string
  readonly chosen?: boolean
  readonly limit: string
}

interface ChooseOptions {
  readonly all?: boolean
  readonly none?: boolean
  readonly with?: string[]
  readonly without?: string[]
}

interface RunOptions {
  readonly count?: string
  readonly until?: string
  readonly reason?: string
}

/** The import that is meant: the newest, unless one is named. */
async function idOf(context: CommandContext, id: string | undefined): Promise<string> {
  if (id !== undefined) return encodeURIComponent(id)
  const { imports } = await context.client().get<{ imports: ImportView[] }>('/imports')
  const [newest] = imports
  if (newest === undefined) throw new CliError('there is no import yet: gatehouse import start')
  return newest.id
}

function personRow(person: SessionPerson) {
  const { userPrincipalName, displayName, match, username, linkedTo, namesakes } = person
  const kinds = [
    ...(person.isGuest ? ['guest'] : []),
    ...(person.isDisabled ? ['disabled'] : []),
    ...(person.isLicensed ? [] : ['unlicensed']),
    ...(person.isOnPremises ? ['on premises'] : []),
    ...(person.roles ?? []),
  ]
  return {
    person: userPrincipalName ?? displayName ?? person.externalId,
    chosen: person.isChosen ? 'yes' : null,
    match,
    here: linkedTo ?? username,
    uid: person.uidNumber,
    groups: person.groups,
    kind: kinds.length === 0 ? null : kinds.join(', '),
    'name is that of': namesakes.length === 0 ? null : namesakes.map(shownNamesake).join(', '),
  }
}

/** Numbers are known of those alone whom a run would make now. */
function listedRow(person: SessionPerson) {
  const { uid: _none, ...row } = personRow(person)
  return row
}

function shownNamesake({ username, by }: SessionPerson['namesakes'][number]): string {
  return by === 'username' ? username : `${username} (${by})`
}

function showPreview(context: CommandContext, preview: ImportPreview): void {
  const { people, numbers, until, ...counts } = preview
  printFields(context.output, counts)
  context.output.write(`uid numbers from ${numbers.first} on, of which ${numbers.left} are left\n`)
  printTable(context.output, people.map(personRow), NOBODY)
  if (preview.count > people.length)
    context.output.write(`… and more: gatehouse import people --chosen --limit ${preview.count}\n`)
  if (preview.count > 0) context.output.write(`to take them in: ${runCommand(preview)}\n`)
}

function runCommand({ count, until }: ImportPreview): string {
  return `gatehouse import run --count ${count} --until ${until}`
}

function showRules({ output }: CommandContext, settings: ImportSettingsView): void {
  printTable(
    output,
    settings.rules.map(({ id, filter, action, admitted, activated }) => ({
      id,
      whoever: Object.entries(filter)
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
      action,
      admitted,
      activated,
    })),
    settings.import === 'everybody'
      ? 'no rule: everybody comes in by herself'
      : 'no rule: nobody comes in who is not chosen',
  )
  output.write(`${settings.candidates} people are not imported\n`)
}
