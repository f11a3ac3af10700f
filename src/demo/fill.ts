import type { Microsoft365 } from '../../simulators/microsoft365/index.ts'
import { digestSecret, makeGeneratedPassword, makeToken } from '../credentials/generated-secret.ts'
import type { Daemon } from '../daemon.ts'
import type { PrincipalId } from '../directory/id.ts'
import { MAX_RATE } from '../directory/network.ts'
import type { Person } from '../directory/person.ts'
import type { Actor } from '../directory/ports/people.ts'
import { type DemoSecrets, writeSecrets } from './secrets.ts'

export const ADMIN = 'admin'
export const LDAP_CLIENT = 'demo-client'
export const SCIM_CONNECTION = 'demo-scim'
const SOURCE = 'contoso'
/** One of each state, so that there is something to see. */
export const STAGED = 'nestor.wilke'
export const SUSPENDED = 'lynne.robbins'
const ACTOR: Actor = { name: 'demo', reason: 'demo' }

export interface FillOptions {
  readonly dataDir: string
  readonly password: string
  readonly secrets: DemoSecrets
  /** Whether connecting and importing is left to whoever tries it. */
  readonly isEmpty: boolean
  say(line: string): void
}

export const DEMO_TIER = 'write-back'

/**
 * Brings the directory to where the demo wants it, doing only what is missing, so that a second
 * start, also after a kill, goes on where the first one was.
 */
export async function fillDirectory(
  daemon: Daemon,
  simulator: Microsoft365,
  options: FillOptions,
): Promise<DemoSecrets> {
  let secrets = options.secrets
  const keep = (change: Partial<DemoSecrets>) => {
    secrets = { ...secrets, ...change }
    writeSecrets(options.dataDir, secrets)
  }
  writeSecrets(options.dataDir, secrets)
  if (!options.isEmpty) {
    await importPeople(daemon, simulator, options)
    await ensureTier(daemon)
    const areNew = await activatePeople(daemon, options)
    if (areNew || secrets.people !== options.password) {
      options.say("setting everybody's password …")
      await givePasswords(daemon, options.password)
      keep({ people: options.password })
    }
  }
  keep({ adminToken: await ensureAdministrator(daemon, secrets) })
  keep({
    ldapSecret: await ensureService(daemon, {
      name: LDAP_CLIENT,
      purpose: 'ldap-client',
      known: secrets.ldapSecret,
    }),
  })
  keep({
    scimToken: await ensureService(daemon, {
      name: SCIM_CONNECTION,
      purpose: 'scim-connection',
      known: secrets.scimToken,
    }),
  })
  await ensureNetworks(daemon)
  return secrets
}

async function importPeople(
  { admin }: Daemon,
  simulator: Microsoft365,
  { say }: FillOptions,
): Promise<void> {
  const [known] = await admin.sources.list()
  if (known !== undefined) return
  say('connecting the tenant and importing its people …')
  await admin.sources.connectMicrosoft365(
    {
      name: SOURCE,
      tenantId: simulator.tenantId,
      clientId: simulator.clientId,
      clientSecret: simulator.clientSecret,
      certificate: null,
      privateKey: null,
      cloud: null,
      loginUrl: simulator.loginUrl,
      graphUrl: simulator.graphUrl,
      ca: simulator.caPem,
      includeGuests: false,
      paused: false,
    },
    ACTOR.name,
  )
  // The schedule may have begun the first round already; this one waits for it.
  await admin.sources.sync(SOURCE, { dryRun: false, full: false })
  await admin.reached(0n)
  const { directory } = admin
  say(`  ${directory.count('person')} people and ${directory.count('group')} groups are here`)
}

/** What is decided here reaches the tenant, too. */
async function ensureTier({ admin }: Daemon): Promise<void> {
  const [source] = await admin.sources.list()
  if (source?.tier !== DEMO_TIER) await admin.sources.setTier(SOURCE, DEMO_TIER, ACTOR)
  if (source?.signIn !== true) await admin.sources.setSignIn(SOURCE, true, ACTOR)
}

/** @returns whether somebody was new */
async function activatePeople(daemon: Daemon, { say }: FillOptions): Promise<boolean> {
  const staged = peopleOf(daemon).filter(
    (person) => person.lifecycle === 'staged' && person.username !== STAGED,
  )
  if (staged.length === 0) return false
  say(`activating ${staged.length} people …`)
  const { admin } = daemon
  const activated = await admin.people.activate(
    staged.map(({ id }) => id),
    ACTOR,
  )
  await admin.reached(activated.inboxSeq)
  const suspended = staged.filter(({ username }) => username === SUSPENDED).map(({ id }) => id)
  const held = await admin.people.hold(suspended, 'admin', {
    actor: ACTOR,
    note: 'suspended, to show what that does',
  })
  await admin.reached(held.inboxSeq)
  return true
}

/** One hash for all, since argon2 for thousands would take minutes: good for a demo and nothing else. */
async function givePasswords(daemon: Daemon, password: string): Promise<void> {
  const { admin } = daemon
  const verifier = await admin.hashPassword(Buffer.from(password))
  const written = await admin.credentials.putForMany(
    peopleOf(daemon).map(({ id }) => id),
    verifier,
    ACTOR,
  )
  await admin.reached(written.inboxSeq)
}

async function ensureAdministrator({ admin }: Daemon, secrets: DemoSecrets): Promise<string> {
  const known = admin.directory.administratorByName(ADMIN)
  if (known !== null && secrets.adminToken !== null) return secrets.adminToken
  const id =
    known?.id ??
    (await admin.resources.createAdministrator({ username: ADMIN, role: 'owner' }, ACTOR)).id
  const password = await admin.hashPassword(Buffer.from(secrets.adminPassword))
  await put(admin, { id, type: 'primary-password', verifier: password })
  const token = makeToken()
  await put(admin, { id, type: 'token', verifier: digestSecret(token) })
  return token
}

async function ensureService(
  { admin }: Daemon,
  service: {
    readonly name: string
    readonly purpose: 'ldap-client' | 'scim-connection'
    readonly known: string | null
  },
): Promise<string> {
  const found = admin.directory.serviceByName(service.name)
  if (found !== null && service.known !== null) return service.known
  const id =
    found?.value.id ??
    (
      await admin.resources.createService(
        {
          purpose: service.purpose,
          name: service.name,
          view: { sees: 'all' },
          allowedGroupIds: null,
        },
        ACTOR,
      )
    ).id
  const isToken = service.purpose === 'scim-connection'
  const secret = isToken ? makeToken() : makeGeneratedPassword()
  await put(admin, {
    id,
    type: isToken ? 'token' : 'generated-secret',
    verifier: digestSecret(secret),
  })
  return secret
}

async function put(
  admin: Daemon['admin'],
  credential: {
    readonly id: PrincipalId
    readonly type: 'primary-password' | 'generated-secret' | 'token'
    readonly verifier: string
  },
): Promise<void> {
  const { id, type, verifier } = credential
  const written = await admin.credentials.put(
    { principalId: id, type, label: 'demo', verifier, serviceId: null, expiresAtMs: null },
    ACTOR,
  )
  await admin.reached(written.inboxSeq)
}

/** One access point on loopback, two SSIDs behind it, two policies. */
async function ensureNetworks({ admin }: Daemon): Promise<void> {
  const { directory, resources } = admin
  if (directory.allNas().length === 0) {
    const nas = await resources.createNas(
      {
        name: 'loopback',
        addresses: ['127.0.0.0/8', '::1/128'],
        secrets: [Buffer.from('testing123')],
        requireMessageAuthenticator: 'auto',
        limitProxyState: true,
        radsec: null,
        // Whoever measures what a daemon can do measures this one.
        rate: MAX_RATE,
      },
      ACTOR,
    )
    await admin.reached(nas.inboxSeq)
  }
  if (directory.networks().length > 0) return
  const group = (name: string, vlan: number) => {
    const found = directory.groupByName(name)
    return found === null ? [] : [{ groupId: found.value.id, vlan, attributes: [] }]
  }
  const common = {
    methods: ['ttls-pap', 'pap'] as const,
    attributes: [],
    sessionTimeoutSeconds: 28_800,
  }
  const networks = [
    {
      ...common,
      name: 'corp',
      priority: 10,
      rules: [{ ssids: ['corp'], withoutSsid: true }],
      groups: [...group('engineering', 20), ...group('sales', 30)],
      everyone: true,
      vlan: 10,
    },
    {
      ...common,
      name: 'guest',
      priority: 20,
      rules: [{ ssids: ['guest'] }],
      groups: group('wi-fi-guests', 90),
      everyone: false,
      vlan: null,
    },
  ]
  for (const network of networks) {
    const written = await resources.createNetwork(network, ACTOR)
    await admin.reached(written.inboxSeq)
  }
}

function peopleOf({ admin }: Daemon): readonly Person[] {
  return Array.from(
    admin.directory.search({ op: 'kind', kind: 'person' }),
    ({ value }) => value as Person,
  )
}
