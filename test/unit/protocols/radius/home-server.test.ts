import { mock } from 'node:test'
import { setImmediate as nextRound } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { HomeServer, type Packet, PacketCode } from '../../../../protocols/radius/index.ts'

const request = { code: PacketCode.accessRequest, attributes: [] }
const answer = { code: PacketCode.accessAccept, identifier: 0, attributes: [] } as unknown as Packet

/** A home whose answers are told beforehand, by the code that is asked, on a clock of the test's. */
function aHome(test: Test) {
  mock.timers.enable({ apis: ['setTimeout'] })
  const changes: boolean[] = []
  const asked: number[] = []
  const answers = new Map<number, boolean>()
  let nowMs = 0
  const server = new HomeServer({
    name: 'home',
    now: () => nowMs,
    onChange: (isAlive) => changes.push(isAlive),
    peer: {
      send: async ({ code }) => {
        asked.push(code)
        nowMs += 1
        return answers.get(code) === true ? answer : 'timeout'
      },
      close: () => undefined,
    },
  })
  test.teardown(() => {
    server.close()
    mock.timers.reset()
  })
  return {
    server,
    changes,
    asked,
    answer: (code: number, isIt: boolean) => answers.set(code, isIt),
    send: async () => {
      const got = await server.send(request, new AbortController().signal)
      await nextRound()
      return got
    },
    pass: async (ms: number) => {
      nowMs += ms
      mock.timers.tick(ms)
      await nextRound()
    },
  }
}

await t.test('one request that is dropped kills no server that tells its status', async (t) => {
  const home = aHome(t)
  home.answer(PacketCode.statusServer, true)
  t.equal(await home.send(), 'timeout')
  t.same(home.asked, [PacketCode.accessRequest, PacketCode.statusServer])
  t.same([home.server.isUsable, home.server.isDoubted], [true, false])
  t.same(home.changes, [])
})

await t.test('one that does not tell it either is dead until it does', async (t) => {
  const home = aHome(t)
  await home.send()
  t.same([home.server.isUsable, home.changes], [false, [false]])
  await home.pass(10_000)
  t.equal(home.asked.at(-1), PacketCode.statusServer)
  t.same(home.changes, [false], 'told once')
  home.answer(PacketCode.statusServer, true)
  await home.pass(10_000)
  t.same([home.server.isUsable, home.changes], [true, [false, true]])
})

await t.test(
  'one that never tells its status gets a request on trial after a minute',
  async (t) => {
    const home = aHome(t)
    await home.send()
    await home.pass(30_000)
    t.equal(home.server.isUsable, false)
    await home.pass(31_000)
    t.equal(home.server.isUsable, true)
    await home.send()
    t.equal(home.server.isUsable, false, 'and another minute where it fails')
    await home.pass(61_000)
    home.answer(PacketCode.accessRequest, true)
    t.not(await home.send(), 'timeout')
    t.same([home.server.isUsable, home.changes], [true, [false, true]])
  },
)
