import { networkInterfaces } from 'node:os'
import type { Test } from 'tap'
import { run } from './run.ts'
import { findTool } from './tools.ts'

const INTERFACE = `gh${process.pid}`
/** Reserved for documentation (RFC 5737), so that nobody has it. */
const ADDRESS = '203.0.113.77'

/**
 * An IPv4 address of this machine that is not loopback: one it has, or, as root, one made for the
 * test and removed with it. Null where neither is to be had.
 */
export async function findOuterAddress(t: Test): Promise<string | null> {
  for (const addresses of Object.values(networkInterfaces())) {
    const own = addresses?.find(({ family, internal }) => family === 'IPv4' && !internal)
    if (own !== undefined) return own.address
  }
  if (process.getuid?.() !== 0 || findTool('ip') === null) return null
  if ((await run('ip', ['link', 'add', INTERFACE, 'type', 'dummy'])).code !== 0) return null
  t.teardown(async () => {
    await run('ip', ['link', 'delete', INTERFACE])
  })
  await run('ip', ['address', 'add', `${ADDRESS}/32`, 'dev', INTERFACE])
  const { code } = await run('ip', ['link', 'set', INTERFACE, 'up'])
  return code === 0 ? ADDRESS : null
}
