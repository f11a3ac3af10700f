import type { Test } from 'tap'
import { Admin } from './admin.ts'
import { startTestDemo, type TestDemo } from './demo.ts'
import { ip } from './network-namespace.ts'
import { runTool } from './run-tool.ts'

/** What {@link openSite} runs, and needs to be root for. */
export const SITE_TOOLS = ['ip']

let opened = 0

/**
 * A place of its own for a NAS, with the demo daemon at the usual ports 1812 and 1813 at the other end
 * of a line: so configuration runs as it is printed, with fixed ports and sockets and tunnels of its
 * own. All of it goes with the test.
 */
export async function openSite(t: Test): Promise<Site> {
  opened += 1
  const name = `gs${process.pid}x${opened}`
  const net = `10.${64 + (process.pid % 64)}.${(process.pid >> 6) % 256}`
  const server = `${net}.${4 * opened + 1}`
  const nas = `${net}.${4 * opened + 2}`
  t.teardown(async () => {
    await runTool('ip', ['link', 'del', name])
    await runTool('ip', ['netns', 'del', name])
  })
  await ip('netns', 'add', name)
  await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'up0', 'netns', name)
  await ip('addr', 'add', `${server}/30`, 'dev', name)
  await ip('link', 'set', name, 'up')
  await ip('-n', name, 'addr', 'add', `${nas}/30`, 'dev', 'up0')
  await ip('-n', name, 'link', 'set', 'up0', 'up')
  await ip('-n', name, 'link', 'set', 'lo', 'up')
  const demo = await startTestDemo(t, {
    env: {
      GATEHOUSE_RADIUS_AUTH_LISTEN: `${server}:1812`,
      GATEHOUSE_RADIUS_ACCT_LISTEN: `${server}:1813`,
    },
  })
  return { name, server, nas, demo, admin: new Admin(demo.facts) }
}

export interface Site {
  /** Of the network namespace. */
  readonly name: string
  /** Address of the daemon, as the NAS sees it. */
  readonly server: string
  /** Address of the NAS, as the daemon sees it. */
  readonly nas: string
  readonly demo: TestDemo
  readonly admin: Admin
}
