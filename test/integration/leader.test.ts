import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Leader } from '../../src/storage/leader.ts'
import { eachEngine, testDatabase } from '../support/database.ts'
import { findBinaries } from '../support/postgres.ts'

const needsPostgres = { skip: findBinaries() || process.env['CI'] ? false : 'no PostgreSQL here' }

await eachEngine(
  t,
  'leader: who is alone leads from the start, until stopped',
  async (t, database) => {
    const said: boolean[] = []
    const leader = new Leader({ database, onChange: (isLeader) => said.push(isLeader) })
    t.equal(leader.isLeader, false)
    await leader.start()
    t.equal(leader.isLeader, true)
    await leader.stop()
    t.equal(leader.isLeader, false)
    t.same(said, [true, false])
  },
)

await t.test(
  'leader: one of two leads, and the other when its connection is gone',
  needsPostgres,
  async (t) => {
    const database = await testDatabase(t, { engine: 'postgresql' })
    const [one, two] = [new Leader({ database }), new Leader({ database })]
    for (const leader of [one, two]) {
      await leader.start()
      t.teardown(() => leader.stop())
    }
    t.same([one.isLeader, two.isLeader], [true, false])
    await database.pool.query(`select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and granted and database =
      (select oid from pg_database where datname = current_database())`)
    for (let tries = 0; one.isLeader && tries < 200; tries++) await sleep(10)
    t.equal(one.isLeader, false, 'it knows at once')
    for (let tries = 0; !(one.isLeader || two.isLeader) && tries < 500; tries++) await sleep(10)
    t.not(one.isLeader, two.isLeader)
  },
)
