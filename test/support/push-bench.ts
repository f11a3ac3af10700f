import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Microsoft365Options } from '../../simulators/microsoft365/index.ts'
import type { PushStatus, SourceStatus } from '../../src/admin/parts.ts'
import { PERMISSIONS, TIERS, type Tier } from '../../src/sources/microsoft365/settings.ts'
import { control } from './control.ts'
import { startDaemonProcess } from './daemon-process.ts'
import { databaseFor } from './database-for.ts'
import { connectionOf, Microsoft365Bench } from './microsoft365.ts'

/** What a tier is granted, with all those before it. */
export const permissionsUpTo = (tier: Tier) =>
  TIERS.slice(0, TIERS.indexOf(tier) + 1).flatMap((each) => PERMISSIONS[each])

export async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = performance.now() + 30_000
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`)
    await sleep(50)
  }
}

/** A daemon, a tenant that it writes to, and what tests look at in both. */
export async function startPushBench(t: Test, name: string, options: Microsoft365Options) {
  const { folder, env } = await databaseFor(t, name)
  const bench = await Microsoft365Bench.startFor(t, options)
  const { simulator } = bench
  const dataDir = join(folder, 'data')
  const daemon = await startDaemonProcess(t, { dataDir, env, args: ['--migrate'] })
  const { api } = daemon
  const change = (application: object) =>
    control(simulator.controlUrl, 'PATCH', '/application', application)
  const pushesOf = async (person: string): Promise<readonly PushStatus[]> =>
    (await api.get<{ pushes: PushStatus[] }>(`/people/${person}/pushes`)).pushes
  const user = (person: string) =>
    simulator.tenant.findUser(`${person}@contoso.example`)?.versions.at(-1)
  return {
    bench,
    simulator,
    daemon,
    dataDir,
    api,
    grant: (permissions: readonly string[]) => change({ permissions }),
    change,
    pushesOf,
    /** Whether a push of that attribute stands so, and wants that, where it is said. */
    settled:
      (person: string, attribute: string, status: string, wanted?: PushStatus['wanted']) =>
      async () =>
        (await pushesOf(person)).some(
          (push) =>
            push.attribute === attribute &&
            push.status === status &&
            (wanted === undefined || push.wanted === wanted),
        ),
    async source(): Promise<SourceStatus> {
      const { sources } = await api.get<{ sources: SourceStatus[] }>('/sources')
      const [only] = sources
      if (only === undefined) throw new Error('there is no source')
      return only
    },
    /** Everybody is imported and active; the tenant is only read. */
    async connect(): Promise<void> {
      await api.send('POST', '/sources/microsoft365', connectionOf(simulator))
      await api.send('POST', '/sources/contoso/sync', {})
      await api.send('POST', '/people/activate', { allStaged: true })
    },
    sync: () => api.send('POST', '/sources/contoso/sync', {}),
    setTier: (tier: Tier) => api.send('PUT', '/sources/contoso/tier', { tier }),
    act: (verb: string, person: string) =>
      api.send('POST', `/people/${verb}`, { people: [person] }),
    edit: (person: string, json: object) => api.send('PATCH', `/people/${person}`, json),
    /** As the tenant has her now. */
    user,
    idOf: (person: string) =>
      simulator.tenant.findUser(`${person}@contoso.example`)?.id ?? 'nobody',
  }
}
