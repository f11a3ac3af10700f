import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { main } from '../../src/main.ts'

t.test('a file that is not there is told by its name, without where in the program', async (t) => {
  const folder = t.testdir()
  const missing = join(folder, 'office.secret')
  const { args } = t.capture(process.stderr, 'write', () => true)
  t.teardown(() => {
    process.exitCode = 0
  })
  const argv = ['nas', 'create', 'office', '10.20.0.0/16', '--secret-file', missing]
  await main(['--data', folder, ...argv])
  t.equal(process.exitCode, 1)
  t.same(args(), [[`${missing}: no such file or folder\n`]])
})

t.test('no certificate is asked for that could not be written', async (t) => {
  const folder = t.testdir({ 'laptop.p12': 'of before' })
  const out = join(folder, 'laptop.p12')
  const { args } = t.capture(process.stderr, 'write', () => true)
  t.teardown(() => {
    process.exitCode = 0
  })
  await main(['--data', folder, 'certificate', 'issue', 'adele.vance', 'laptop', '--out', out])
  t.same(args(), [[`${out}: is there already; it is not written over\n`]])
})

t.test('what is not issued leaves no file behind', async (t) => {
  const folder = t.testdir()
  const out = join(folder, 'laptop.pem')
  const { args } = t.capture(process.stderr, 'write', () => true)
  t.teardown(() => {
    process.exitCode = 0
  })
  const issue = ['--data', folder, 'certificate', 'issue', 'adele.vance', 'laptop', '--out', out]
  const missing = join(folder, 'typo.pem')
  await main([...issue, '--csr', missing])
  t.notOk(existsSync(out), 'a request that cannot be read')
  await main(issue)
  t.notOk(existsSync(out), 'a daemon that does not answer')
  t.same(args()[0], [`${missing}: no such file or folder\n`])
})
