import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VirtualClock } from './clock.ts'
import { loadContract } from './contract/contract.ts'
import { ControlService } from './control/control.ts'
import { DataFolder, type Identity } from './data-folder.ts'
import { FaultRules } from './faults/fault-rule.ts'
import { Settings } from './faults/settings.ts'
import { makeServerCertificate, type ServerCertificate } from './http/certificate.ts'
import { listen } from './http/listener.ts'
import { RequestLog } from './http/request-log.ts'
import { Application } from './login/application.ts'
import { Applications } from './login/applications.ts'
import { SigningKeys, signingKeyOfProcess } from './login/jwt.ts'
import { SeededRandom } from './random.ts'
import { makeServices, serveControl, serveMicrosoft } from './services.ts'
import { Delivery } from './subscriptions/delivery.ts'
import { Subscriptions } from './subscriptions/subscriptions.ts'
import { applyChange } from './tenant/change.ts'
import { makeOrganization, NAMED_GROUPS } from './tenant/contoso.ts'
import { generateGroups } from './tenant/generate-groups.ts'
import { generatePeople } from './tenant/generate-people.ts'
import { Tenant } from './tenant/tenant.ts'

export { dumpTruth } from './control/truth.ts'
export { parseFaultRule } from './faults/fault-rule.ts'
export { applyRandomChanges } from './tenant/change.ts'
export type { Tenant } from './tenant/tenant.ts'

export interface Microsoft365Options {
  /** How many users in all, named ones and guests included; 24 by default. */
  readonly people?: number
  /** How many groups in all, never fewer than the named ones; by default one for 20 people. */
  readonly groups?: number
  readonly seed?: string | number
  /** Loopback unless said otherwise. */
  readonly host?: string
  /** 0, the default, takes the data folder's last one or any. */
  readonly port?: number
  readonly controlPort?: number
  /** Where the tenant's identity, certificate and history are kept between starts. */
  readonly dataDir?: string
  /** Folder with Microsoft's published `permissions.json` and `entities.json`. */
  readonly contractDir?: string
  /** Milliseconds since 1970; the machine's clock by default. */
  readonly clock?: () => number
  /** Application permissions granted to the app at the start. */
  readonly permissions?: readonly string[]
  /** PEM certificates whose key the app may sign its assertions with. */
  readonly clientCertificates?: readonly string[]
  /** Where a person may be sent back to after signing in. */
  readonly redirectUris?: readonly string[]
  /** A server certificate from elsewhere, with the CA to trust it by. */
  readonly certificate?: ServerCertificate
}

/** A running simulator: where it listens, how to sign in, and the tenant to change. */
export interface Microsoft365 {
  /** `https://localhost:port`; the authority is this and the tenant id. */
  readonly loginUrl: string
  /** `https://localhost:port`, without `/v1.0`. */
  readonly graphUrl: string
  /** `http://127.0.0.1:port` */
  readonly controlUrl: string
  readonly tenantId: string
  readonly clientId: string
  readonly clientSecret: string
  readonly caPem: string
  readonly caFile: string
  readonly tenant: Tenant
  readonly clock: VirtualClock
  readonly application: Application
  readonly applications: Applications
  readonly subscriptions: Subscriptions
  readonly delivery: Delivery
  readonly settings: Settings
  readonly faults: FaultRules
  readonly requests: RequestLog
  readonly keys: SigningKeys
  /** Moves the tenant's clock, purges what is due, and tells how much that was. */
  advance(byMs: number): number
  stop(): Promise<void>
}

const DEFAULT_PEOPLE = 24
const PEOPLE_PER_GROUP = 20
/** What reading people, groups and members takes, and nothing more. */
export const DEFAULT_PERMISSIONS: readonly string[] = ['User.Read.All', 'GroupMember.Read.All']

/**
 * Starts a local Entra login and Microsoft Graph over HTTPS, with a tenant made from a seed.
 *
 * @throws when a port given is taken or a data folder can't be read
 */
export async function startMicrosoft365(options: Microsoft365Options = {}): Promise<Microsoft365> {
  const temporary =
    options.dataDir === undefined ? mkdtempSync(join(tmpdir(), 'microsoft365-')) : null
  const folder = new DataFolder(options.dataDir ?? temporary ?? '')
  const identity = readIdentity(folder, options)
  const certificate = await readCertificate(folder, options)
  folder.writeCa(certificate.caPem)
  const clock = new VirtualClock(options.clock)
  const tenant = foundTenant(identity, clock)
  replayJournal(folder, tenant, clock)
  if (temporary === null)
    tenant.onChange((change) => folder.append({ atMs: clock.nowMs(), change }))
  const application = makeApplication(identity, options)
  const urls = { graphUrl: '', loginUrl: '' }
  const advance = (byMs: number): number => {
    clock.advance(byMs)
    if (temporary === null) folder.append({ advanceMs: byMs })
    return tenant.purgeExpired()
  }
  const settings = new Settings()
  const applications = new Applications([application, makeCommandLineTools()])
  const delivery = new Delivery({
    settings,
    random: new SeededRandom(`notifications ${identity.founding.seed}`),
  })
  const subscriptions = new Subscriptions({ tenant, applications, settings, clock, delivery })
  const parts = {
    tenant,
    application,
    applications,
    subscriptions,
    delivery,
    clock,
    settings,
    faults: new FaultRules(new SeededRandom(`faults ${identity.founding.seed}`)),
    log: new RequestLog(),
    random: new SeededRandom(`answers ${identity.founding.seed}`),
    contract: loadContract(options.contractDir ?? null),
    identity,
    keys: new SigningKeys(signingKeyOfProcess()),
    urls,
  }
  const host = options.host ?? '127.0.0.1'
  const main = await listen(serveMicrosoft(makeServices(parts), parts), {
    host,
    port: options.port || identity.port,
    canMove: !options.port,
    certificate,
  })
  const control = await listen(serveControl(new ControlService({ ...parts, advance })), {
    host: '127.0.0.1',
    port: options.controlPort || identity.controlPort,
    canMove: !options.controlPort,
    certificate: null,
  }).catch(async (error: unknown) => {
    await main.stop()
    throw error
  })
  folder.writeIdentity({ ...identity, port: main.port, controlPort: control.port })
  urls.graphUrl = `https://localhost:${main.port}`
  urls.loginUrl = urls.graphUrl
  return {
    ...urls,
    controlUrl: `http://127.0.0.1:${control.port}`,
    tenantId: identity.tenantId,
    clientId: identity.clientId,
    clientSecret: identity.clientSecret,
    caPem: certificate.caPem,
    caFile: folder.caFile,
    tenant,
    clock,
    application,
    applications,
    subscriptions,
    delivery,
    settings,
    faults: parts.faults,
    requests: parts.log,
    keys: parts.keys,
    advance,
    stop: async () => {
      delivery.stop()
      await Promise.all([main.stop(), control.stop()])
      if (temporary !== null) rmSync(temporary, { recursive: true, force: true })
    },
  }
}

function readIdentity(folder: DataFolder, options: Microsoft365Options): Identity {
  const people = options.people ?? DEFAULT_PEOPLE
  const groups = Math.max(
    NAMED_GROUPS.length,
    options.groups ?? Math.ceil(people / PEOPLE_PER_GROUP),
  )
  const founding = { seed: String(options.seed ?? 1), people, groups }
  const known = folder.findIdentity()
  if (known !== null && JSON.stringify(known.founding) === JSON.stringify(founding)) return known
  folder.forgetJournal()
  const random = new SeededRandom(`identity ${founding.seed}`)
  return {
    founding,
    generation: randomUUID(),
    tenantId: random.uuid(),
    clientId: random.uuid(),
    servicePrincipalId: random.uuid(),
    clientSecret: known?.clientSecret ?? randomBytes(24).toString('base64url'),
    tokenKey: randomBytes(32).toString('base64'),
    port: known?.port ?? 0,
    controlPort: known?.controlPort ?? 0,
  }
}

async function readCertificate(
  folder: DataFolder,
  options: Microsoft365Options,
): Promise<ServerCertificate> {
  if (options.certificate !== undefined) return options.certificate
  const known = folder.findCertificate()
  if (known !== null) return known
  const made = await makeServerCertificate()
  folder.writeCertificate(made)
  return made
}

function foundTenant(identity: Identity, clock: VirtualClock): Tenant {
  const { seed, people, groups } = identity.founding
  const organization = makeOrganization(identity.tenantId)
  const random = new SeededRandom(`objects ${seed}`)
  const tenant = new Tenant({ organization, clock, random })
  generatePeople(tenant, { seed, count: people })
  generateGroups(tenant, { seed, count: groups })
  tenant.seal()
  return tenant
}

function replayJournal(folder: DataFolder, tenant: Tenant, clock: VirtualClock): void {
  for (const line of folder.readJournal()) {
    if ('advanceMs' in line) {
      clock.advance(line.advanceMs)
      continue
    }
    clock.pin(line.atMs)
    applyChange(tenant, line.change)
  }
  clock.pin(null)
}

/** Microsoft's own public client, which every tenant has: no secret, and no permission by itself. */
function makeCommandLineTools(): Application {
  return new Application({
    clientId: '14d82eec-204b-4c2f-b7e8-296a70dab67e',
    servicePrincipalId: randomUUID(),
    displayName: 'Microsoft Graph Command Line Tools',
    permissions: [],
    redirectUris: ['http://localhost'],
    isPublic: true,
    isForeign: true,
    isInstalled: true,
  })
}

function makeApplication(identity: Identity, options: Microsoft365Options): Application {
  const application = new Application({
    clientId: identity.clientId,
    servicePrincipalId: identity.servicePrincipalId,
    displayName: 'Gatehouse',
    permissions: options.permissions ?? DEFAULT_PERMISSIONS,
    redirectUris: options.redirectUris ?? [],
  })
  application.secrets.push({ value: identity.clientSecret, expiresAtMs: Number.POSITIVE_INFINITY })
  for (const pem of options.clientCertificates ?? []) application.addCertificate(pem)
  return application
}
