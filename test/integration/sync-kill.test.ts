import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { applyRandomChanges } from '../../simulators/microsoft365/index.ts'
import { openDatabase } from '../../src/storage/connection.ts'
import { type DaemonProcess, startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { Random } from '../support/mutate.ts'
import { imageOfDirectory, testTenant } from '../support/sync.ts'
import { imageOfTenant } from '../support/sync-truth.ts'
import { RemovalWatch } from '../support/sync-watch.ts'
import { changeGroups } from '../support/tenant-history.ts'

const KILLS = Number(process.env['GATEHOUSE_TEST_KILLS'] ?? 6)
const SEED = Number(process.env['GATEHOUSE_SYNC_SEED'] ?? Date.now() % 0x7fffffff)
const PEOPLE = 400
const HOUR_MS = 3_600_000
const PATIENCE_MS = 60_000
/** Most rounds are over by then. */
const LATEST_KILL_MS = 600

const { folder, url, env } = await databaseFor(t, 'kill')

function start(): Promise<DaemonProcess> {
  return startDaemonProcess(t, { dataDir: join(folder, 'data'), env, args: ['--migrate'] })
}

async function kill({ process }: DaemonProcess): Promise<void> {
  const gone = once(process, 'exit')
  process.kill('SIGKILL')
  await gone
}

/** The one that was killed is the leader until its lease has run out. */
async function synchronise(daemon: DaemonProcess): Promise<void> {
  const startedAtMs = performance.now()
  for (;;) {
    try {
      await daemon.api.send('POST', '/sources/contoso/sync', {})
      return
    } catch (error) {
      const isFollower = error instanceof Error && error.message.includes('another daemon')
      if (!isFollower || performance.now() - startedAtMs > PATIENCE_MS) throw error
      await sleep(100)
    }
  }
}

await t.test(
  `sync: killed ${KILLS} times at any moment, the directory ends equal to the tenant (seed ${SEED})`,
  async (t) => {
    const random = new Random(SEED)
    const tenant = await testTenant(t, { people: PEOPLE, groups: 40, seed: SEED })
    const shaping = { deltaPageSize: 15, deltaPageMembers: 40, memberSlice: 5, replays: 2 }
    tenant.settings.change({ shaping })
    let daemon = await start()
    const { tenantId, clientId, clientSecret, loginUrl, graphUrl, caPem: ca } = tenant
    const { id } = await daemon.api.send<{ id: string }>('POST', '/sources/microsoft365', {
      name: 'contoso',
      ...{ tenantId, clientId, clientSecret, loginUrl, graphUrl, ca },
    })
    const db = await openDatabase({ url })
    t.teardown(() => db.stop())
    const watch = new RemovalWatch(db, id)
    let cut = 0
    for (let at = 0; at < KILLS; at++) {
      let isUnderWay = true
      const round = synchronise(daemon)
        .catch(() => undefined)
        .finally(() => {
          isUnderWay = false
        })
      await sleep(random.below(LATEST_KILL_MS))
      if (isUnderWay) cut++
      await kill(daemon)
      await round
      t.same(await watch.excess(), [], 'no more was removed than the window allows')
      daemon = await start()
      // It leads from here on, and the rounds of its own are a minute apart.
      await synchronise(daemon)
      applyRandomChanges(tenant.tenant, { count: 60, seed: String(random.below(1_000_000)) })
      changeGroups(tenant.tenant, { count: 20, seed: random.below(1_000_000) })
    }
    t.comment(`${cut} of ${KILLS} kills hit a round that an admin had asked for`)
    t.ok(cut > 0, 'rounds were cut')

    tenant.settings.reset()
    tenant.advance(2 * HOUR_MS)
    await synchronise(daemon)
    t.same(await watch.excess(), [], 'nor at the end')
    const waiting = '/sources/contoso/waiting'
    const { count, until } = await daemon.api.get<{ count: number; until: string }>(waiting)
    if (count > 0) await daemon.api.send('POST', `${waiting}/approve`, { count, until })
    await synchronise(daemon)
    const [ours, theirs] = [await imageOfDirectory(db, id), imageOfTenant(tenant)]
    t.same(ours.people, theirs.people, 'people are those of the tenant')
    t.same(ours.groups, theirs.groups, 'groups are those of the tenant')
  },
)
