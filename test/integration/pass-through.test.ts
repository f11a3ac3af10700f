import t from 'tap'
import { PASSWORD, PassThroughRig } from '../support/pass-through.ts'

const rig = await PassThroughRig.start(t, { people: 90 })
const { bench, daemon } = rig
const { tenant } = bench.simulator
await rig.turnOn()

await t.test('a right password is asked once a minute, a wrong one once', async (t) => {
  const person = rig.somebody()
  const before = await rig.sent()
  for (let at = 0; at < 5; at += 1) t.equal(await rig.bind(person, PASSWORD), 'yes')
  t.equal((await rig.sent()) - before, 1)
  for (let at = 0; at < 12; at += 1) t.equal(await rig.bind(person, 'a stale one'), 'no')
  t.equal((await rig.sent()) - before, 2)
  t.equal(await rig.bind(person, PASSWORD), 'yes', 'and the stale one has shut nobody out')
})

await t.test('guesses at one person never lock her account, and touch nobody else', async (t) => {
  const [person, other] = [rig.somebody(), rig.somebody()]
  const before = await rig.sent()
  for (let at = 0; at < 10; at += 1) t.equal(await rig.bind(person, `guess ${at}`), 'no')
  t.ok((await rig.sent()) - before <= 4, 'by one way in')
  for (let at = 0; at < 10; at += 1) t.equal(await rig.pap(person, `other ${at}`), 'no')
  t.ok((await rig.sent()) - before <= 6, 'by all')
  t.equal(await rig.bind(other, PASSWORD), 'yes')
  const { simulator } = bench
  const direct = await bench.tokenCall({
    grant_type: 'password',
    client_id: simulator.clientId,
    client_secret: simulator.clientSecret,
    scope: 'openid',
    username: person.upn,
    password: PASSWORD,
  })
  t.equal(direct.status, 200, 'there she signs in as ever')
  await daemon.api.send('DELETE', `/people/${person.username}/failures`)
  t.equal(await rig.bind(person, PASSWORD), 'yes', 'and here once an admin says so')
})

await t.test('app passwords are ours, and one that ended is told to nobody', async (t) => {
  const person = rig.somebody()
  const before = await rig.sent()
  const path = `/people/${person.username}/app-passwords`
  const wish = { name: 'Mail', uses: ['ldap'] }
  const { password } = await daemon.api.send<{ password: string }>('POST', path, wish)
  t.equal(await rig.bind(person, password), 'yes')
  t.equal(await rig.pap(person, password), 'no')
  await daemon.api.send('DELETE', `${path}/Mail`)
  t.equal(await rig.bind(person, password), 'no')
  t.equal(await rig.sent(), before)
})

await t.test("one person's throttling is no other's", async (t) => {
  for (let at = 0; at < 4; at += 1) {
    t.equal(await rig.bind(rig.somebody({ denials: [90055] }), PASSWORD), 'unavailable')
  }
  t.equal(await rig.bind(rig.somebody(), PASSWORD), 'yes', 'by code')
  await rig.breakLogin({ status: 429, code: '90055', retryAfterSeconds: 30, times: 1 })
  const person = rig.somebody()
  t.equal(await rig.bind(person, PASSWORD), 'unavailable')
  const before = await rig.sent()
  t.equal(await rig.bind(person, PASSWORD), 'unavailable', 'she waits as long as told')
  t.equal(await rig.sent(), before)
  t.equal(await rig.bind(rig.somebody(), PASSWORD), 'yes', 'by Retry-After')
  await rig.mend()
})

await t.test('a slow answer is none: 52 and silence, while others go on', async (t) => {
  await bench.control('POST', '/faults', { fault: 'delay', on: 'login', ms: 30_000, times: 2 })
  const slow = [rig.bind(rig.somebody(), PASSWORD), rig.pap(rig.somebody(), PASSWORD)]
  await rig.untilMet(2)
  t.equal(await rig.bind(rig.somebody(), PASSWORD), 'yes')
  t.same(await Promise.all(slow), ['unavailable', 'unavailable'])
  await rig.mend()
})

await t.test('who hangs up is counted all the same, and keeps nobody else out', async (t) => {
  await rig.turnOn()
  await bench.control('POST', '/faults', { fault: 'delay', on: 'login', ms: 1_000, times: 3 })
  const people = [rig.somebody(), rig.somebody(), rig.somebody()]
  for (const [at, person] of people.entries()) await rig.bindAndHangUp(person, 'a guess', at + 1)
  t.equal(await rig.bind(rig.somebody(), PASSWORD), 'yes')
  for (const { username } of people) {
    await rig.until('the guess is counted', async () => {
      const { failures } = await daemon.api.get<{ failures: unknown[] }>(
        `/people/${username}/failures`,
      )
      return failures.length > 0
    })
  }
  await rig.mend()
})

await t.test('what is remembered serves while the tenant is away, and then only', async (t) => {
  const person = await rig.rememberedPerson()
  const stranger = rig.somebody()
  await rig.turnOn()
  await rig.breakLogin()
  t.equal(await rig.bind(person, PASSWORD), 'yes')
  t.match(await rig.logged(person), { outcome: 'success', detail: { remembered: true } })
  t.equal(await rig.bind(person, 'another'), 'unavailable', 'it may be a new one')
  t.equal(await rig.bind(stranger, PASSWORD), 'unavailable')
  await rig.mend()
  await rig.turnOn()
  tenant.setSignIn(person.id, { mfa: 'required' })
  t.equal(await rig.bind(person, PASSWORD), 'no', 'MFA required is a no')
  await rig.turnOn()
  await rig.breakLogin()
  t.equal(await rig.bind(person, PASSWORD), 'unavailable', 'and has ended it for an outage too')
  await rig.mend()
})

await t.test(
  'what is remembered ends with a hold, a changed password, and the setting',
  async (t) => {
    const [held, changed, unset] = [
      await rig.rememberedPerson(),
      await rig.rememberedPerson(),
      await rig.rememberedPerson(),
    ]
    await daemon.api.send('POST', '/people/suspend', { people: [held.username] })
    await daemon.api.send('POST', '/people/resume', { people: [held.username] })
    tenant.setSignIn(changed.id, { password: 'Quite another 8 word' })
    await rig.turnOn()
    t.equal(await rig.bind(changed, PASSWORD), 'no')
    await rig.turnOn()
    await rig.breakLogin()
    t.equal(await rig.bind(held, PASSWORD), 'unavailable')
    t.equal(await rig.bind(changed, PASSWORD), 'unavailable')
    await rig.turnOn({ remembers: false })
    t.equal(await rig.bind(unset, PASSWORD), 'unavailable')
    await rig.mend()
    await rig.turnOn()
  },
)

await t.test('a disabled account holds her here at once, and a round lifts it', async (t) => {
  const person = rig.somebody()
  const holdsOf = async () => {
    const path = `/people/${person.username}`
    const { holds } = await daemon.api.get<{ holds: { reason: string }[] }>(path)
    return holds.map(({ reason }) => reason.replace(/:.*/, ''))
  }
  // The next round by the schedule is a minute away then: it would hold her before she is asked about.
  tenant.update(person.id, { jobTitle: 'Seen by a round' })
  await rig.sync('a round is over', async () => {
    const { jobTitle } = await daemon.api.get<{ jobTitle: string }>(`/people/${person.username}`)
    return jobTitle === 'Seen by a round'
  })
  tenant.update(person.id, { accountEnabled: false })
  t.equal(await rig.bind(person, PASSWORD), 'no')
  t.equal((await rig.logged(person)).reason, 'source-disabled')
  t.same(await holdsOf(), ['source'])
  tenant.update(person.id, { accountEnabled: true })
  await rig.sync('the hold is lifted', async () => (await holdsOf()).length === 0)
  t.equal(await rig.bind(person, PASSWORD), 'yes')
})

await t.test('an account that is gone, and what Entra takes from nobody, is refused', async (t) => {
  const gone = rig.somebody()
  tenant.delete(gone.id)
  t.equal(await rig.bind(gone, PASSWORD), 'no')
  t.equal((await rig.logged(gone)).reason, 'source-unknown')
  const person = rig.somebody()
  const before = await rig.sent()
  for (const typed of [` ${PASSWORD}`, 'x'.repeat(257)]) {
    t.equal(await rig.bind(person, typed), 'no')
    t.match(await rig.logged(person), { reason: 'source-unsupported' })
  }
  t.equal(await rig.sent(), before, 'and not sent')
})

await t.test(
  'only members of the groups, nested ones included, are asked about there',
  async (t) => {
    const [nested, outside] = [rig.somebody(), rig.somebody()]
    const inner = tenant.create('group', { displayName: 'Inner' }, { memberIds: [nested.id] })
    tenant.create('group', { displayName: 'Outer' }, { memberIds: [inner.id] })
    const hasGroup = () =>
      daemon.api.get('/groups/outer').then(
        () => true,
        () => false,
      )
    await rig.sync('the groups are there', hasGroup)
    await rig.turnOn({ group: 'outer' })
    const local = 'Here it is a different 9'
    for (const { username } of [nested, outside])
      await daemon.api.send('PUT', `/people/${username}/password`, { password: local })
    t.equal(await rig.bind(outside, local), 'yes', 'outside: the password here')
    t.equal(await rig.bind(outside, PASSWORD), 'no')
    t.equal(await rig.bind(nested, PASSWORD), 'yes', "inside: the tenant's")
    t.equal(await rig.bind(nested, local), 'no')
  },
)

await t.test(
  'what keeps everybody out is said where sources are listed, until it is mended',
  async (t) => {
    await rig.turnOn()
    t.equal(await rig.bind(rig.somebody({ denials: [65001] }), PASSWORD), 'unavailable')
    const before = await rig.sent()
    t.equal(await rig.bind(rig.somebody(), PASSWORD), 'unavailable')
    t.equal(await rig.sent(), before, 'and is not tried with each attempt')
    const { lastError, nextStep } = await rig.source()
    t.match(lastError ?? '', /AADSTS65001/)
    t.match(nextStep ?? '', /grant admin consent/)
    await rig.turnOn()
    t.equal(await rig.bind(rig.somebody(), PASSWORD), 'yes')
    t.equal((await rig.source()).lastError, null)
  },
)

await t.test('where others are let in, a consent that is missing is of one person', async (t) => {
  await rig.turnOn()
  t.equal(await rig.bind(rig.somebody(), PASSWORD), 'yes')
  const person = rig.somebody({ denials: [65001] })
  t.equal(await rig.bind(person, PASSWORD), 'no')
  t.match(await rig.logged(person), { reason: 'source-refused', detail: { code: 'AADSTS65001' } })
  t.match((await rig.source()).nextStep ?? '', /grant admin consent/)
  t.equal(await rig.bind(rig.somebody(), PASSWORD), 'yes')
})
