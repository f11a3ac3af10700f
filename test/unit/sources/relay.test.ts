import { mock } from 'node:test'
import t from 'tap'
import { Relay } from '../../../src/sources/microsoft365/live/relay.ts'

await t.test('of a storm the first is said at once, and one more at its end', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const said: string[] = []
  const relay = new Relay((what) => said.push(what), 1_000)
  for (let at = 0; at < 500; at++) relay.say('contoso')
  t.same(said, ['contoso'])
  relay.say('fabrikam')
  t.same(said, ['contoso', 'fabrikam'], 'another thing does not wait for it')
  mock.timers.tick(1_000)
  t.same(said, ['contoso', 'fabrikam', 'contoso'], 'what came meanwhile is not lost')
  mock.timers.tick(10_000)
  t.equal(said.length, 3, 'nor said twice')
  relay.say('contoso')
  t.equal(said.length, 4, 'after a quiet second it is said at once again')
  relay.say('contoso')
  relay.stop()
  mock.timers.tick(10_000)
  t.equal(said.length, 4, 'nothing is said after the stop')
})
