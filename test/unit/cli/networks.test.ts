import t from 'tap'
import { makeProgram } from '../../../src/cli/program.ts'

t.test('network: an option that takes a number refuses everything else', async (t) => {
  // Were the daemon asked, the refusal would be that none answers.
  const set = (...argv: string[]) =>
    makeProgram({
      env: {},
      signal: AbortSignal.timeout(10_000),
      write: () => undefined,
    }).parseAsync(['--data', t.testdir(), 'network', 'set', 'corp', ...argv], { from: 'user' })
  await t.rejects(set('--priority', 'high'), {
    message: '--priority takes a whole number, not "high"',
  })
  for (const text of ['', '1.5', '1e3', '0x10', '-1'])
    await t.rejects(set(`--session-timeout=${text}`), { message: /^--session-timeout takes/ }, text)
  await t.rejects(set('--priority', '10'), { message: /no daemon answers/ })
  await t.rejects(set('--time-zone', 'Europe/Berlin'), { message: /give both/ })
})
