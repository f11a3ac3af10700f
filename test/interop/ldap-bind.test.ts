import { readFileSync } from 'node:fs'
import { Client, ResultCodeError } from 'ldapts'
import t from 'tap'
import { Admin } from '../support/admin.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { LdapTools, TRANSPORTS } from '../support/ldap-tools.ts'
import { findOuterAddress } from '../support/outer-address.ts'
import { withTools } from '../support/tools.ts'

const ROUNDS = 12
const ATTEMPTS = 3
const WRONG = 'not the password'
/** Without the waiting, a refusal takes a hundredth of a verification; on a busy machine timers stray. */
const isAlike = (ratio: number) => ratio > 0.4 && ratio < 2.5

const outer = await findOuterAddress(t)
const demo = await startTestDemo(t, {
  people: 60,
  env:
    outer === null
      ? {}
      : {
          // LDAP off loopback only, LDAPS on loopback only, and a certificate that speaks for both.
          GATEHOUSE_LDAP_LISTEN: `${outer}:0`,
          GATEHOUSE_PUBLIC_URL: `https://${outer}`,
        },
})
const { ldap: facts, people, microsoft365 } = demo.facts
const admin = new Admin(demo.facts)
const ldap = new LdapTools(demo.facts)

const BINDS = ['ldapwhoami']
await withTools(t, { name: 'binds that ldap-utils makes', tools: BINDS }, async (t) => {
  await t.test('every way to be wrong gets 49 with the same text', async (t) => {
    for (const transport of TRANSPORTS) {
      const answers = new Set<string>()
      const cases: readonly (readonly [string, string])[] = [
        ['adele.vance', WRONG],
        ['nestor.wilke', PASSWORD],
        ['nestor.wilke', WRONG],
        ['lynne.robbins', PASSWORD],
        ['lynne.robbins', WRONG],
        ['no.body.here', PASSWORD],
      ]
      for (const [name, password] of cases) {
        const bind = ldap.asPerson(name, password)
        const { code, stdout, stderr } = await ldap.run('ldapwhoami', transport, bind)
        t.equal(code, 49, `${transport}: ${name}`)
        answers.add(stdout + stderr)
      }
      const elsewhere = ['-D', 'uid=adele.vance,ou=people,dc=other,dc=example', '-w', PASSWORD]
      answers.add((await ldap.run('ldapwhoami', transport, elsewhere)).stderr)
      answers.add((await ldap.run('ldapwhoami', transport, ['-D', 'x', '-w', 'y'])).stderr)
      t.equal(answers.size, 1, [...answers].join())
    }
  })

  await t.test('a name with an empty password is no log-in (RFC 4513 §5.1.2)', async (t) => {
    const bind = ldap.asPerson('adele.vance', '')
    t.equal((await ldap.run('ldapwhoami', 'LDAPS', bind)).code, 53)
  })

  await t.test(
    'a suspended person is refused at once, and let in again when resumed',
    async (t) => {
      const tryIn = async () =>
        (await ldap.run('ldapwhoami', 'LDAPS', ldap.asPerson('alex.wilber', PASSWORD))).code
      t.equal(await tryIn(), 0)
      await admin.suspend('alex.wilber')
      t.equal(await tryIn(), 49)
      await admin.resume('alex.wilber')
      t.equal(await tryIn(), 0)
    },
  )
})

await withTools(
  t,
  {
    name: 'plaintext binds off loopback',
    tools: outer === null ? ['an address off loopback'] : BINDS,
  },
  async (t) => {
    await t.test('get 13 with the same text, whoever asks with whatever password', async (t) => {
      const answers = new Set<string>()
      for (const bind of [
        ldap.asClient,
        ldap.asPerson('adele.vance', PASSWORD),
        ldap.asPerson('adele.vance', WRONG),
        ldap.asPerson('no.body.here', PASSWORD),
      ]) {
        const { code, stderr } = await ldap.runInClear('ldapwhoami', bind)
        t.equal(code, 13, stderr)
        answers.add(stderr)
      }
      t.equal(answers.size, 1, [...answers].join())
    })

    await t.test('the root DSE is there to learn of StartTLS, which opens the door', async (t) => {
      const root = ['-LLL', '-s', 'base', '-b', '', 'supportedExtension']
      t.match((await ldap.runInClear('ldapsearch', root)).stdout, '1.3.6.1.4.1.1466.20037')
      const bind = ldap.asPerson('adele.vance', PASSWORD)
      const { code, stdout } = await ldap.run('ldapwhoami', 'StartTLS', bind)
      t.equal(code, 0)
      t.equal(stdout.trim(), `dn:uid=adele.vance,${facts.peopleDn}`)
    })
  },
)

await t.test('every way to be wrong takes the same time', async (t) => {
  const active = people.filter(({ state }) => state === 'active').map(({ username }) => username)
  const crowd: Crowd = {
    guessed: active.slice(-ROUNDS),
    suspended: active.slice(-2 * ROUNDS, -ROUNDS),
    staged: await importNewcomers(ROUNDS),
  }
  const client = new Client({ url: facts.ldapsUrl, tlsOptions: { ca: readFileSync(facts.caFile) } })
  t.teardown(() => client.unbind())
  let measured = await measure(client, crowd, 1)
  // A machine that turns busy or idle half-way falls on one kind more than on another.
  for (let attempt = 2; attempt <= ATTEMPTS && !areAlike(measured); attempt++) {
    measured = await measure(client, crowd, attempt)
  }
  t.same([...measured.texts], ['49  Code: 0x31'], 'the same code, and no text')
  const reference = measured.mediansMs.get('wrong password') ?? 0
  t.ok(reference > 5, `a verification takes ${reference.toFixed(1)} ms`)
  for (const [kind, medianMs] of measured.mediansMs) {
    const ratio = medianMs / reference
    t.ok(isAlike(ratio), `${kind}: ${ratio.toFixed(2)} of a wrong password's time`)
  }
})

interface Crowd {
  readonly guessed: readonly string[]
  readonly suspended: readonly string[]
  readonly staged: readonly string[]
}

interface Measured {
  readonly texts: ReadonlySet<string>
  readonly mediansMs: ReadonlyMap<string, number>
}

/**
 * A repeated pair of name and password is answered from memory, so each comes once, and what has
 * changed since makes a right one new; few for each person, since back-off begins after the fifth.
 */
async function measure(client: Client, crowd: Crowd, attempt: number): Promise<Measured> {
  const { guessed, suspended, staged } = crowd
  if (attempt > 1) await admin.resume(...suspended)
  await admin.suspend(...suspended)
  for (const name of staged) await admin.setPassword(name, PASSWORD)
  const wrong = `${WRONG} ${attempt}`
  const kinds: readonly (readonly [string, (round: number) => readonly [string, string]])[] = [
    ['wrong password', (round) => [guessed[round] ?? '', wrong]],
    ['unknown name', (round) => [`no.body.${round}`, wrong]],
    ['suspended, wrong password', (round) => [suspended[round] ?? '', wrong]],
    ['suspended, right password', (round) => [suspended[round] ?? '', PASSWORD]],
    ['staged, wrong password', (round) => [staged[round] ?? '', wrong]],
    ['staged, right password', (round) => [staged[round] ?? '', PASSWORD]],
  ]
  const texts = new Set<string>()
  const timesMs = new Map<string, number[]>(kinds.map(([kind]) => [kind, []]))
  for (let round = 0; round < ROUNDS; round++) {
    // Interleaved, each time from another one on: what else the machine does falls on all alike.
    for (const [kind, make] of [...kinds.slice(round % 6), ...kinds.slice(0, round % 6)]) {
      const [name, password] = make(round)
      const startedAtMs = performance.now()
      texts.add(await refusal(client, `uid=${name},${facts.peopleDn}`, password))
      timesMs.get(kind)?.push(performance.now() - startedAtMs)
    }
  }
  const medians = Array.from(timesMs, ([kind, values]) => [kind, medianOf(values)] as const)
  return { texts, mediansMs: new Map(medians) }
}

function areAlike({ mediansMs }: Measured): boolean {
  const reference = mediansMs.get('wrong password') ?? 0
  return [...mediansMs.values()].every((medianMs) => isAlike(medianMs / reference))
}

async function refusal(client: Client, dn: string, password: string): Promise<string> {
  try {
    await client.bind(dn, password)
  } catch (error) {
    if (error instanceof ResultCodeError) return `${error.code} ${error.message}`
    throw error
  }
  return `0 ${dn} was let in`
}

/** People whom a sync brings and nobody has activated. */
async function importNewcomers(count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, at) => `new.comer${at}`)
  const changes = names.map((name) => ({
    op: 'create',
    kind: 'user',
    properties: { displayName: name, userPrincipalName: `${name}@contoso.example` },
  }))
  const response = await fetch(`${microsoft365.controlUrl}/changes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(changes),
  })
  if (!response.ok) throw new Error(`the tenant was not changed: ${await response.text()}`)
  await admin.sync()
  return names
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
