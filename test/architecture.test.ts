import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cruise, type ICruiseResult } from 'dependency-cruiser'
import t from 'tap'
// @ts-expect-error the rules are plain JavaScript, so that the cruiser's own command reads them too
import { ruleSet } from '../.dependency-cruiser.mjs'

const FOLDERS = ['src', 'protocols', 'simulators', 'migrations']
/** With a TypeScript it cannot use, the cruiser sees nothing and is content. */
const FEWEST_MODULES = 150

async function violations(baseDir: string): Promise<{ modules: number; found: string[] }> {
  const { output } = await cruise(FOLDERS, {
    ruleSet,
    validate: true,
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    baseDir,
  })
  if (typeof output === 'string') throw new Error('the cruiser gave no result')
  const { modules, summary } = output as ICruiseResult
  return {
    modules: modules.filter((module) =>
      FOLDERS.some((folder) => module.source.startsWith(`${folder}/`)),
    ).length,
    found: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
  }
}

t.test('architecture: every import keeps the rules', async (t) => {
  const { modules, found } = await violations(process.cwd())
  t.ok(modules > FEWEST_MODULES, `${modules} modules were seen`)
  t.same(found, [])
})

t.test('architecture: a planted violation of each kind is found by name', async (t) => {
  const copy = mkdtempSync(join(tmpdir(), 'gatehouse-architecture-'))
  t.teardown(() => rmSync(copy, { recursive: true }))
  const plants: [rule: string, file: string, imports: string][] = [
    ['protocol-ldap-stands-alone', 'protocols/ldap/planted.ts', '../radius/index.ts'],
    ['protocols-need-no-package', 'protocols/scim/planted.ts', 'fastify'],
    ['directory-imports-nothing', 'src/directory/planted.ts', '../access/decide.ts'],
    ['access-is-pure', 'src/access/planted.ts', '../credentials/authenticate.ts'],
    ['profiles-are-pure', 'src/profiles/planted.ts', '../directory/id.ts'],
    ['sql-stays-in-storage', 'src/sources/planted.ts', 'kysely'],
    ['storage-serves-ports', 'src/storage/planted.ts', '../config/config.ts'],
    [
      'protocols-meet-the-directory-in-gateways',
      'src/credentials/planted.ts',
      '../../protocols/ldap/index.ts',
    ],
    ['gateways-adapt-and-nothing-more', 'src/gateway/ldap/planted.ts', '../../config/config.ts'],
    [
      'protocols-are-entered-by-their-index',
      'src/gateway/radius/planted.ts',
      '../../../protocols/radius/errors.ts',
    ],
    ['only-the-root-composes', 'src/admin/planted.ts', '../daemon.ts'],
    ['simulators-stand-apart', 'simulators/microsoft365/planted.ts', '../../src/directory/id.ts'],
  ]
  for (const folder of FOLDERS) cpSync(folder, join(copy, folder), { recursive: true })
  for (const file of ['package.json', 'tsconfig.json']) cpSync(file, join(copy, file))
  mkdirSync(join(copy, 'node_modules'))
  for (const name of ['fastify', 'kysely'])
    cpSync(join('node_modules', name), join(copy, 'node_modules', name), { recursive: true })
  for (const [, file, imports] of plants) {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    writeFileSync(join(copy, file), `import '${imports}'\n`)
  }
  const { found } = await violations(copy)
  for (const [rule, file] of plants)
    t.ok(
      found.some((line) => line.startsWith(`${rule}: ${file} ->`)),
      `${rule} in ${file}`,
    )
})
