import { parseArgs } from 'node:util'
import { type Microsoft365Options, startMicrosoft365 } from './index.ts'

const USAGE = `Usage: tsx simulators/microsoft365/main.ts [options]

A local Entra login and Microsoft Graph over HTTPS, with a tenant from a seed.

  --people N          users in all (default 24)
  --groups N          groups in all (default one for 20 people)
  --seed TEXT         same seed, same tenant (default 1)
  --host ADDRESS      where to listen (default 127.0.0.1)
  --port N            HTTPS port (default: the last one, or any)
  --control-port N    port of the control endpoint, always on loopback
  --data DIR          keep the tenant between starts
  --contract DIR      Microsoft's permissions.json and entities.json
  --permissions LIST  application permissions granted, separated by commas
  --help
`

await main()

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      people: { type: 'string' },
      groups: { type: 'string' },
      seed: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      'control-port': { type: 'string' },
      data: { type: 'string' },
      contract: { type: 'string' },
      permissions: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const simulator = await startMicrosoft365(readOptions(values))
  const { loginUrl, graphUrl, controlUrl, tenantId, clientId, clientSecret, caFile } = simulator
  const facts = { loginUrl, graphUrl, controlUrl, tenantId, clientId, clientSecret, caFile }
  process.stdout.write(`${JSON.stringify(facts, null, 2)}\n`)
  const stop = (): void => {
    void simulator.stop()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

function readOptions(
  values: Readonly<Record<string, string | boolean | undefined>>,
): Microsoft365Options {
  const number = (name: string): number | undefined => {
    const text = values[name]
    if (text === undefined) return undefined
    const value = Number(text)
    if (!Number.isInteger(value) || value < 0)
      throw new TypeError(`--${name} ${String(text)} is no number`)
    return value
  }
  const text = (name: string): string | undefined => {
    const value = values[name]
    return typeof value === 'string' ? value : undefined
  }
  const options = {
    people: number('people'),
    groups: number('groups'),
    seed: text('seed'),
    host: text('host'),
    port: number('port'),
    controlPort: number('control-port'),
    dataDir: text('data'),
    contractDir: text('contract'),
    permissions: text('permissions')?.split(','),
  }
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as Microsoft365Options
}
