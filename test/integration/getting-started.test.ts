import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { makeProgram } from '../../src/cli/program.ts'
import { databaseFor } from '../support/database-for.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { callsTo } from '../support/microsoft365.ts'
import { Browser } from '../support/microsoft365-browser.ts'
import { withTools } from '../support/tools.ts'

const ADMIN = { login: 'patti.fernandez@contoso.example', password: PASSWORD }
const TRIES = 60

interface Step {
  readonly line: string
  readonly expected: readonly string[]
}

/** The commands of the page's blocks, and what it says of their answers. */
function readSteps(): readonly Step[] {
  const page = readFileSync(new URL('../../docs/getting-started.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/^```bash\n(.*?)^```/gms)].map(([, block]) => block ?? '')
  return blocks
    .flatMap((block) => block.trim().split('\n'))
    .map((text) => {
      const [line = '', ...expected] = text.split('#>').map((part) => part.trim())
      return { line, expected }
    })
}

/**
 * The page as a shell runs it: all in one session. What only looks is tried again until it shows what
 * is expected, as values reach the tenant a moment later.
 */
function scriptOf(steps: readonly Step[], env: string, commands: string): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
  return [
    `. ${quote(env)}`,
    `gatehouse() { printf '%s\\0' "$@" | curl -sS --fail-with-body --data-binary @- ${quote(commands)}; }`,
    `step() {
      command=$1; shift
      for try in $(seq ${TRIES}); do
        out=$(eval "$command" 2>&1); code=$?; missing=
        for part in "$@"; do case $out in *"$part"*) ;; *) missing=$part ;; esac; done
        [ $code = 0 ] && [ -z "$missing" ] && { printf '\\036ok\\037%s' "$command"; return; }
        case $command in seen*|*pushes*|*"log --denied"*) sleep 0.1 ;; *) break ;; esac
      done
      printf '\\036no\\037%s\\037%s (%s): %s' "$command" "$missing" $code "$out"
      exit
    }`,
    ...steps.map(({ line, expected }) =>
      expected.length === 0 ? line : `step ${[line, ...expected].map(quote).join(' ')}`,
    ),
  ].join('\n')
}

await withTools(
  t,
  {
    name: 'the first hour, as the page tells it: every command, and what is seen of it',
    tools: ['bash', 'curl', 'ldapsearch', 'radclient'],
  },
  async (t) => {
    const { url } = await databaseFor(t, 'getting-started')
    const demo = await startTestDemo(t, { people: 200, isEmpty: true, databaseUrl: url })
    const { loginUrl, caFile } = demo.facts.microsoft365
    const bench = callsTo(readFileSync(caFile, 'utf8'))

    /** The administrator at her browser, when the command has said where to go. */
    async function consent(link: string): Promise<void> {
      const browser = new Browser(bench, loginUrl)
      await browser.signIn(link, ADMIN)
      const { leftFor } = await browser.submit({ choice: 'accept' })
      await fetch(leftFor ?? '')
    }
    async function enterCode(code: string): Promise<void> {
      const browser = new Browser(bench, loginUrl)
      await browser.open(`${loginUrl}/device`)
      await browser.submit({ otc: code })
      await browser.submit({ login: ADMIN.login, passwd: ADMIN.password })
      await browser.submit({ choice: 'accept' })
    }

    /** The command line as the shell calls it, without a process for each command. */
    async function gatehouse(argv: readonly string[]): Promise<{ ok: boolean; text: string }> {
      let text = ''
      let browsing: Promise<void> | null = null
      const write = (part: string) => {
        text += part
        const link = /^ {2}(https:\S+adminconsent\S+)$/m.exec(text)?.[1]
        const code = /enter the code (\S+)/.exec(text)?.[1]
        if (link !== undefined) browsing ??= consent(link)
        else if (code !== undefined) browsing ??= enterCode(code)
      }
      const program = makeProgram({ env: {}, signal: AbortSignal.timeout(120_000), write })
      try {
        await program.parseAsync(['--data', demo.dataDir, ...argv], { from: 'user' })
        await browsing
        return { ok: true, text }
      } catch (error) {
        return { ok: false, text: `${text}${(error as Error).message}\n` }
      }
    }
    const commands = createServer(async (request, response) => {
      const argv = (await buffer(request)).toString().split('\0').slice(0, -1)
      const { ok, text } = await gatehouse(argv)
      response.writeHead(ok ? 200 : 400).end(text)
    })
    await new Promise<void>((resolve) => commands.listen(0, '127.0.0.1', resolve))
    t.teardown(() => commands.close())

    const steps = readSteps()
    const { port } = commands.address() as AddressInfo
    const script = scriptOf(steps, join(demo.dataDir, 'env.sh'), `http://127.0.0.1:${port}`)
    const child = spawn('bash', ['-u', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] })
    const [out, err] = await Promise.all([buffer(child.stdout), buffer(child.stderr)])
    t.equal(err.toString(), '')
    const results = out.toString().split('\x1e').slice(1)
    t.equal(results.length, steps.filter(({ expected }) => expected.length > 0).length)
    for (const result of results) {
      const [end, command = '', why = ''] = result.split('\x1f')
      t.ok(end === 'ok', command, { why })
    }
  },
)
