// `npm run bench [name …]`: each thing measured has a file bench/<name>.bench.ts, with its peer in the
// same run; options (--full) go on to it. Prints a table for each, with the machine's facts above.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { root, setup } from './setup.mjs'
import { provideTools } from './system-tools.mjs'

await setup()
provideTools()
const given = process.argv.slice(2)
const wanted = given.filter((word) => !word.startsWith('--'))
const options = given.filter((word) => word.startsWith('--'))
const benches = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.bench.ts'))
  .filter((file) => wanted.length === 0 || wanted.includes(file.replace('.bench.ts', '')))
  .sort()
if (benches.length === 0) {
  process.stderr.write('no such bench; there are: ')
  process.stderr.write(
    `${readdirSync(join(root, 'bench'))
      .filter((file) => file.endsWith('.bench.ts'))
      .map((file) => file.replace('.bench.ts', ''))
      .join(', ')}\n`,
  )
  process.exit(1)
}
const facts = [
  `${cpus().length} × ${cpus()[0]?.model.trim()}`,
  `${Math.round(totalmem() / 2 ** 30)} GiB`,
  `Node ${process.versions.node}`,
  `OpenSSL ${process.versions.openssl}`,
]
process.stdout.write(`machine: ${facts.join(', ')}\n`)
let failed = 0
for (const file of benches) {
  process.stdout.write(`\n== ${file}\n`)
  const parameters = ['--expose-gc', '--import', 'tsx', join('bench', file), ...options]
  const run = spawnSync(process.execPath, parameters, { cwd: root, stdio: 'inherit' })
  if (run.status !== 0) failed += 1
}
process.exitCode = failed === 0 ? 0 : 1
