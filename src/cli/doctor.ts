import { readFileSync, statfsSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import type { ServerCertificateView } from '../admin/certificate-control.ts'
import type { SourceStatus, Status } from '../admin/parts.ts'
import { type Config, ConfigError } from '../config/config.ts'
import { adminSocketPath } from '../config/paths.ts'
import { readServerChain } from '../credentials/certificates/server-chain.ts'
import { firstToEnd, judgeServerChain } from '../credentials/certificates/server-findings.ts'
import { openDatabase } from '../storage/connection.ts'
import { openKeys } from '../storage/master-key.ts'
import { checkSchema } from '../storage/migrate.ts'
import { ApiClient } from './client.ts'
import type { CommandContext, Run } from './context.ts'

interface Finding {
  readonly check: string
  readonly verdict: 'good' | 'advice' | 'bad'
  /** What was found, and, where it is not good, how to mend it. */
  readonly said: string
}

const LOW_DISK_BYTES = 512 * 1024 * 1024
const RECOMMENDED_NODE = 24
const OTHERS_ACCESS = 0o077

/** `doctor`: what is wrong here, and how to mend it. Exit code 1 when something is. */
export function addDoctor(program: Command, run: Run): void {
  program
    .command('doctor')
    .description(
      'check configuration, keys, database, certificates and sources; say how to mend each',
    )
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const findings = await examine(context)
      context.show({ findings }, () => {
        for (const { check, verdict, said } of findings)
          context.output.write(`${SIGNS[verdict]} ${check}: ${said}\n`)
      })
      if (findings.some(({ verdict }) => verdict === 'bad')) process.exitCode = 1
    })
}

const SIGNS: Record<Finding['verdict'], string> = {
  good: 'ok    ',
  advice: 'advice',
  bad: 'WRONG ',
}

async function examine(context: CommandContext): Promise<readonly Finding[]> {
  const findings: Finding[] = [checkNode()]
  const config = readConfig(context, findings)
  if (config === null) return findings
  findings.push(...checkDataDir(config), ...checkTls(config))
  const status = await askDaemon(config)
  if (status === null) findings.push(...(await checkDatabase(config)))
  else findings.push(...(await checkRunning(context, status)))
  return findings
}

function checkNode(): Finding {
  const major = Number(process.versions.node.split('.')[0])
  const check = 'Node'
  if (major >= RECOMMENDED_NODE) return { check, verdict: 'good', said: process.versions.node }
  return {
    check,
    verdict: 'advice',
    said: `${process.versions.node} works; ${RECOMMENDED_NODE} is recommended, since 20 gets no more security fixes`,
  }
}

function readConfig(context: CommandContext, findings: Finding[]): Config | null {
  try {
    const config = context.config()
    findings.push({ check: 'configuration', verdict: 'good', said: `data in ${config.dataDir}` })
    return config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const said of error.faults) findings.push({ check: 'configuration', verdict: 'bad', said })
    return null
  }
}

function checkDataDir(config: Config): readonly Finding[] {
  const stat = statSync(config.dataDir, { throwIfNoEntry: false })
  if (stat === undefined)
    return [
      {
        check: 'data folder',
        verdict: 'advice',
        said: `${config.dataDir} is not there yet; the first start makes it`,
      },
    ]
  const findings: Finding[] = []
  if ((stat.mode & OTHERS_ACCESS) !== 0)
    findings.push({
      check: 'data folder',
      verdict: 'bad',
      said: `others can enter it; run: chmod 700 ${config.dataDir}`,
    })
  const { bavail, bsize } = statfsSync(config.dataDir)
  const free = bavail * bsize
  const megabytes = `${Math.round(free / 2 ** 20)} MiB free`
  findings.push(
    free < LOW_DISK_BYTES
      ? { check: 'disk', verdict: 'bad', said: `${megabytes}: make room, or writes will stop` }
      : { check: 'disk', verdict: 'good', said: megabytes },
  )
  return findings
}

function checkTls(config: Config): readonly Finding[] {
  if (config.tls === null) return []
  const { certFile, keyFile } = config.tls
  const check = 'certificate files'
  try {
    const chain = readServerChain({
      certificate: readFileSync(certFile, 'utf8'),
      privateKey: readFileSync(keyFile, 'utf8'),
    })
    const findings = judgeServerChain(chain, Date.now())
    if (findings.length > 0) return findings.map(({ verdict, said }) => ({ check, verdict, said }))
    return [goodUntil(check, firstToEnd(chain).endsAtMs)]
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    return [{ check, verdict: 'bad', said: `${certFile} with ${keyFile}: ${said}` }]
  }
}

function checkServed(shown: ServerCertificateView): readonly Finding[] {
  const check = 'certificate'
  const { refusal, findings, expiresAt } = shown
  const all: Finding[] = findings.map(({ verdict, said }) => ({ check, verdict, said }))
  if (refusal !== null)
    all.unshift({ check, verdict: 'bad', said: `the new one is not shown: ${refusal}` })
  return all.length > 0 ? all : [goodUntil(check, Date.parse(expiresAt))]
}

function goodUntil(check: string, endMs: number): Finding {
  return {
    check,
    verdict: 'good',
    said: `good until ${new Date(endMs).toISOString().slice(0, 10)}`,
  }
}

async function askDaemon(config: Config): Promise<Status | null> {
  const client = new ApiClient({
    socketPath: adminSocketPath(config),
    url: null,
    token: null,
    caFile: null,
  })
  return await client.get<Status>('/status').catch(() => null)
}

/** No daemon runs here, so the database is ours to open, under its lock. */
async function checkDatabase(config: Config): Promise<readonly Finding[]> {
  const findings: Finding[] = [
    { check: 'daemon', verdict: 'advice', said: 'none runs here; start one with: gatehouse serve' },
  ]
  if (
    config.databaseUrl === null &&
    statSync(config.dataDir, { throwIfNoEntry: false }) === undefined
  )
    return findings
  try {
    const database = await openDatabase(
      config.databaseUrl === null ? { dataDir: config.dataDir } : { url: config.databaseUrl },
    )
    try {
      await checkSchema(database.kysely)
      findings.push({
        check: 'database',
        verdict: 'good',
        said: `${database.kind}, schema up to date`,
      })
      await openKeys(database, config.keyFile)
      findings.push({ check: 'master key', verdict: 'good', said: config.keyFile })
    } finally {
      await database.stop()
    }
  } catch (error) {
    findings.push({
      check: 'database',
      verdict: 'bad',
      said: error instanceof Error ? error.message : String(error),
    })
  }
  return findings
}

async function checkRunning(context: CommandContext, status: Status): Promise<readonly Finding[]> {
  const { database, freshness } = status
  const findings: Finding[] = [
    { check: 'daemon', verdict: 'good', said: `${status.version}, since ${status.startedAt}` },
    {
      check: 'database',
      verdict: database.note === null ? 'good' : 'advice',
      said: database.note ?? database.kind,
    },
    freshness === 'too-stale'
      ? {
          check: 'directory',
          verdict: 'bad',
          said: 'too stale to answer: the database cannot be reached',
        }
      : { check: 'directory', verdict: 'good', said: freshness },
  ]
  findings.push(...checkServed(await context.client().get('/certificates/server')))
  const { sources } = await context.client().get<{ sources: SourceStatus[] }>('/sources')
  if (sources.length === 0)
    findings.push({
      check: 'source',
      verdict: 'advice',
      said: 'none is connected: gatehouse source connect --help',
    })
  return [...findings, ...sources.map(checkSource)]
}

function checkSource(source: SourceStatus): Finding {
  const check = `source ${source.name}`
  const { lastError, nextStep, state, stateReason, waitingRemovals, lastRoundAt } = source
  if (state === 'paused')
    return {
      check,
      verdict: 'bad',
      said: `paused: ${[stateReason, nextStep].filter((part) => part !== null).join('; ')}`,
    }
  if (lastError !== null)
    return {
      check,
      verdict: 'bad',
      said: nextStep === null ? lastError : `${lastError}; ${nextStep}`,
    }
  if (state !== 'active')
    return { check, verdict: 'bad', said: `${state}: ${stateReason ?? 'no reason was kept'}` }
  if (waitingRemovals > 0)
    return {
      check,
      verdict: 'advice',
      said: `${waitingRemovals} removals wait for your word: gatehouse source waiting ${source.name}`,
    }
  if (nextStep !== null) return { check, verdict: 'advice', said: nextStep }
  return {
    check,
    verdict: 'good',
    said: lastRoundAt === null ? 'connected, no round yet' : `last round ${lastRoundAt}`,
  }
}
