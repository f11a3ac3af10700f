// Brings a checkout to where the product runs: packages installed, sources built. Plain Node, no
// packages, called by the commands themselves, since pre-scripts may be switched off for a user.
// Each step is skipped when its stamp still fits, so that calling it again costs half a second.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const NEEDED_NODE = [20, 19]
const LOCK = join(root, '.setup-lock')
const LOCK_PATIENCE_MS = 10 * 60_000

/** @param {(line: string) => void} say told one line for each step that is really done */
export async function setup(say = (line) => process.stderr.write(`${line}\n`)) {
  requireNode()
  const unlock = await lock(say)
  try {
    installPackages(say)
    build(say)
  } finally {
    unlock()
  }
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor >= NEEDED_NODE[1])) return
  process.stderr.write(
    `Gatehouse needs Node ${NEEDED_NODE.join('.')} or later; this is ${process.versions.node}.\n`,
  )
  process.exit(1)
}

/** One set-up at a time: a folder is made atomically, and names the process that made it. */
async function lock(say) {
  const giveUpAt = Date.now() + LOCK_PATIENCE_MS
  let isFirstTry = true
  while (!takeLock()) {
    if (!isHeld()) {
      rmSync(LOCK, { recursive: true, force: true })
      continue
    }
    if (Date.now() > giveUpAt) throw new Error(`another set-up holds ${LOCK}`)
    if (isFirstTry) say('waiting for another set-up of this checkout to finish …')
    isFirstTry = false
    await sleep(250)
  }
  return () => rmSync(LOCK, { recursive: true, force: true })
}

function takeLock() {
  try {
    mkdirSync(LOCK)
    writeFileSync(join(LOCK, 'pid'), String(process.pid))
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    if (error.code !== 'EACCES' && error.code !== 'EROFS') throw error
    process.stderr.write(
      `This checkout cannot be written (${root}): copy it to a folder of your own.\n`,
    )
    process.exit(1)
  }
}

function isHeld() {
  try {
    process.kill(Number(readFileSync(join(LOCK, 'pid'), 'utf8')), 0)
    return true
  } catch (error) {
    if (error.code === 'EPERM') return true
    // The folder was made a moment ago and has no pid yet: give its maker two seconds.
    if (error.code === 'ENOENT')
      return existsSync(LOCK) && Date.now() - statSync(LOCK).mtimeMs < 2000
    return false
  }
}

function installPackages(say) {
  const stamp = join(root, 'node_modules', '.setup')
  const wanted = hash(
    ['package.json', 'package-lock.json'],
    [process.platform, process.arch, process.versions.modules],
  )
  if (read(stamp) === wanted) return
  say('installing packages (about a minute the first time) …')
  const flags = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const first = npm(['ci', ...flags])
  if (first.status !== 0) {
    // npm 11's `ci` refuses a lock that leaves out packages for other platforms; `install` adds what
    // this one needs and leaves both files as they are.
    if (!first.stderr.includes('EUSAGE')) fail('npm ci', first)
    const second = npm(['install', '--no-save', ...flags])
    if (second.status !== 0) fail('npm install', second)
  }
  writeFileSync(stamp, wanted)
}

function build(say) {
  const stamp = join(root, 'dist', '.setup')
  const sources = ['src', 'protocols', 'simulators', 'migrations'].flatMap((folder) =>
    filesBelow(folder),
  )
  const wanted = hash(['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', ...sources], [])
  if (read(stamp) === wanted) return
  say('building …')
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (result.status !== 0) fail('tsc', result)
  writeFileSync(stamp, wanted)
}

function npm(args) {
  const { NODE_ENV: _, ...env } = process.env
  env.npm_config_update_notifier = 'false'
  const cli = process.env.npm_execpath
  const [command, ...before] = cli?.endsWith('.js') ? [process.execPath, cli] : ['npm']
  return spawnSync(command, [...before, ...args], {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'inherit', 'pipe'],
  })
}

function fail(what, result) {
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}\n${what} failed; see above.\n`)
  process.exit(1)
}

function filesBelow(folder) {
  const start = join(root, folder)
  if (!existsSync(start)) return []
  return readdirSync(start, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort()
}

function hash(files, words) {
  const sum = createHash('sha256')
  for (const word of words) sum.update(`${word}\0`)
  for (const file of files) sum.update(`${file}\0`).update(read(join(root, file)) ?? '')
  return sum.digest('hex')
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setup()
