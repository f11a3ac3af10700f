// `npm test [file …]`: sets up, checks, runs every test, says who ran it and what that left out,
// and closes with one line `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { CALLS_VARIABLE, documentedCalls } from './documented-calls.mjs'
import { root, setup } from './setup.mjs'
import { provideTools } from './system-tools.mjs'

const started = Date.now()
const isCi = process.env.CI === 'true'
const files = process.argv.slice(2)
process.chdir(root)

await setup()
const tools = provideTools()
const gates = files.length > 0 ? [] : runGates()
const { passed, failed, skipped } = await runTap()

process.stdout.write(
  `\nran as ${userInfo().username} with Node ${process.versions.node}, ${Math.round((Date.now() - started) / 1000)} s`,
)
if (process.getuid?.() !== 0)
  process.stdout.write('; what needs root (SSSD, PAM, network namespaces) was left out')
if (tools.missing.length > 0) process.stdout.write(`; missing here: ${tools.missing.join(', ')}`)
for (const gate of gates) process.stdout.write(`\nfailed: ${gate}`)

let failures = failed + gates.length
if (isCi && skipped > 0) {
  process.stdout.write(`\nwith CI=true nothing may be skipped: ${skipped} counted as failed`)
  failures += skipped
}
process.stdout.write(
  `\n\n${passed} passed, ${failures} failed${!isCi && skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
)
process.exitCode = failures > 0 ? 1 : 0

function runGates() {
  const bin = (name) => join(root, 'node_modules', '.bin', name)
  const steps = [
    ['format and lint', bin('biome'), ['ci', '--error-on-warnings', '.']],
    ['types', bin('tsc'), ['-p', '.']],
    ['unused code', bin('knip'), []],
  ]
  return steps
    .filter(([name, command, args]) => {
      process.stdout.write(`${name} …\n`)
      const result = spawnSync(command, args, { encoding: 'utf8' })
      if (result.status !== 0) process.stdout.write(`${result.stdout}${result.stderr}`)
      return result.status !== 0
    })
    .map(([name]) => name)
}

async function runTap() {
  const scratch = mkdtempSync(join(tmpdir(), 'gatehouse-test-'))
  const report = join(scratch, 'report.tap')
  const calls = join(scratch, 'calls')
  mkdirSync(calls)
  const args = [
    'node_modules/tap/dist/esm/run.mjs',
    'run',
    `--reporter=${process.stdout.isTTY ? 'base' : 'terse'}`,
    `--output-file=${report}`,
    '--disable-coverage',
    ...files,
  ]
  const env = {
    ...process.env,
    npm_config_update_notifier: 'false',
    GATEHOUSE_MISSING_TOOLS: tools.missing.join(','),
    [CALLS_VARIABLE]: calls,
  }
  const tap = spawn(process.execPath, args, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => tap.kill(signal))
  const code = await new Promise((resolve) => tap.on('close', resolve))
  const text = readReport(report)
  const surprises = compareCalls(calls)
  rmSync(scratch, { recursive: true, force: true })
  showFailures(text)
  for (const surprise of surprises) process.stdout.write(`\n${surprise}`)
  const counted = count(text, code)
  return { ...counted, failed: counted.failed + surprises.length }
}

/**
 * Every call of Graph the tests saw the product make is in docs/microsoft-365.md with its permission;
 * a run of all tests has to have seen each that is there.
 */
function compareCalls(folder) {
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  const seen = new Set(texts.join('').split('\n').filter(Boolean))
  const written = new Set(documentedCalls().map(({ call }) => call))
  return [
    ...[...seen].filter((call) => !written.has(call)).map((call) => `undocumented call: ${call}`),
    ...(files.length > 0 ? [] : [...written].filter((call) => !seen.has(call))).map(
      (call) => `documented, but never made: ${call}`,
    ),
  ]
}

/** Where nobody watches, the reporter's own words are lost with its cursor: each failure once more. */
function showFailures(text) {
  let file = ''
  let isShown = false
  for (const line of text.split('\n')) {
    if (line.startsWith('# Subtest: ')) file = line.slice('# Subtest: '.length)
    if (/^ *not ok /.test(line)) {
      process.stdout.write(`\n${file}\n`)
      isShown = true
    } else if (/^ *(ok |# )/.test(line)) isShown = false
    if (isShown && line.trim() !== '') process.stdout.write(`${line}\n`)
  }
}

function readReport(report) {
  try {
    return readFileSync(report, 'utf8')
  } catch {
    return ''
  }
}

/** tap calls a test without any assertion a pass; here it is a failure. */
function count(text, code) {
  const totals = text.match(/^# (\{ total: .*\})$/gm)?.at(-1) ?? ''
  const of = (word) => Number(totals.match(new RegExp(`${word}: (\\d+)`))?.[1] ?? 0)
  const empty = [
    ...text.matchAll(/^( +)1\.\.0\n(?: *#.*\n)*(?!\1)( *)ok \d+ - (.*?)(?: # time=.*)?$/gm),
  ]
    .map((match) => match[3])
    .filter((name) => !/# SKIP/i.test(name))
  for (const name of empty) process.stdout.write(`\nno assertion in: ${name}`)
  const passed = Math.max(0, of('pass') - empty.length)
  const failed = of('fail') + empty.length
  return {
    passed,
    failed: Math.max(failed, code === 0 && passed > 0 ? 0 : 1),
    skipped: of('skip') + of('todo'),
  }
}
