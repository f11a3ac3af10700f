import t from 'tap'
import {
  type ExtendedRequest,
  type LdapPeer,
  Oid,
  type Operation,
  ResultCode,
} from '../../../protocols/ldap/index.ts'
import { AuthenticationUnavailable } from '../../../src/credentials/authenticate.ts'
import type { Entity } from '../../../src/directory/change.ts'
import {
  aGroup,
  aHold,
  aPerson,
  aService,
  MemoryDirectory,
  someSettings,
} from '../../support/directory.ts'
import {
  anOperation,
  BASE,
  type Conversation,
  dnOf,
  loopback,
  RIGHT,
  startGateway,
} from '../../support/ldap-gateway.ts'

const adele = aPerson({ username: 'adele' })
const bjorn = aPerson({ username: 'bjorn' })
const sales = aGroup({ name: 'sales' })
const nss = aService({ name: 'nss' })
const remote: LdapPeer = { ...loopback, address: '192.0.2.7', isLoopback: false }
const denied = { code: ResultCode.invalidCredentials, matchedDn: '', diagnostic: '', referral: [] }
const whoAmI: ExtendedRequest = { kind: 'extendedRequest', name: Oid.whoAmI, value: null }

function contoso(...more: readonly Entity[]): MemoryDirectory {
  const directory = new MemoryDirectory(someSettings(), adele, bjorn, sales, nss, ...more)
  directory.join(sales, adele)
  return directory
}

async function nameOf({ session }: Conversation): Promise<string> {
  const outcome = await session.extended(whoAmI, anOperation())
  return outcome.code === ResultCode.success ? String(outcome.value) : `code ${outcome.code}`
}

await t.test(
  'bind: people and LDAP clients by any spelling of their DN, people by log-in name',
  async (t) => {
    const { anyone, authenticator } = startGateway(contoso().model)
    for (const [name, dn] of [
      [dnOf(adele), dnOf(adele)],
      [`UID=Adele, OU=people,${BASE.toUpperCase()}`, dnOf(adele)],
      [`userid=adele,ou=people,${BASE}`, dnOf(adele)],
      ['adele', dnOf(adele)],
      ['adele@contoso.example', dnOf(adele)],
      [dnOf(nss), dnOf(nss)],
    ] as const) {
      const one = anyone()
      t.equal((await one.bind(name)).code, ResultCode.success, name)
      t.equal(await nameOf(one), `dn:${dn}`, name)
      t.equal(one.session.isAuthenticated, true)
    }
    t.match(authenticator.attempts[0], {
      resource: { kind: 'ldap', client: null },
      method: 'ldap-simple',
      address: '127.0.0.1',
      device: null,
      detail: { tls: false },
    })
  },
)

await t.test(
  'bind: every way to be wrong looks the same, and all of them are asked for their password',
  async (t) => {
    const { anyone, authenticator } = startGateway(contoso().model)
    const names = [
      dnOf(adele),
      `uid=nobody,ou=people,${BASE}`,
      `uid=adele,ou=nowhere,${BASE}`,
      `cn=sales,ou=groups,${BASE}x`,
      'dc=elsewhere',
      'cn=Subschema',
      '=not a dn',
      'nobody@contoso.example',
      BASE,
    ]
    for (const name of names) t.same(await anyone().bind(name, 'wrong'), denied, name)
    t.same(await anyone().bind('', 'a password without a name'), denied)
    t.equal(authenticator.attempts.length, names.length + 1)
  },
)

await t.test('bind: each denial of the one way in reads the same', async (t) => {
  const { anyone, authenticator } = startGateway(contoso().model)
  for (const denial of ['wrong-password', 'held', 'locked-out', 'not-in-view', 'staged'] as const) {
    authenticator.answer = { ok: false, denial }
    t.same(await anyone().bind(dnOf(adele)), denied, denial)
    authenticator.answer = Promise.resolve({ ok: false, denial })
    t.same(await anyone().bind(dnOf(adele)), denied, `${denial}, later`)
  }
})

await t.test(
  'bind: RFC 4513 §5.1.2, a name with an empty password is refused and asks nobody',
  async (t) => {
    const { anyone, authenticator } = startGateway(contoso().model)
    t.equal((await anyone().bind(dnOf(adele), '')).code, ResultCode.unwillingToPerform)
    t.equal(authenticator.attempts.length, 0)
  },
)

await t.test(
  'bind: RFC 4513 §5.1.1, neither name nor password is anonymous, from anywhere',
  async (t) => {
    const { anyone } = startGateway(contoso().model)
    for (const peer of [loopback, remote]) {
      const one = anyone(peer)
      t.equal((await one.bind('', '')).code, ResultCode.success)
      t.equal(await nameOf(one), '')
      t.equal(one.session.isAuthenticated, false)
    }
  },
)

await t.test(
  'bind: a password in clear text from beyond loopback is refused unread, unless an admin says otherwise',
  async (t) => {
    const directory = contoso()
    const { anyone, authenticator } = startGateway(directory.model)
    for (const password of [RIGHT, '']) {
      t.equal(
        (await anyone(remote).bind(dnOf(adele), password)).code,
        ResultCode.confidentialityRequired,
      )
    }
    t.equal(authenticator.attempts.length, 0)
    const encrypted = anyone({ ...remote, isEncrypted: true })
    t.equal((await encrypted.bind(dnOf(adele))).code, ResultCode.success)
    directory.put(someSettings({ allowPlaintextBinds: true }))
    t.equal((await anyone(remote).bind(dnOf(adele))).code, ResultCode.success)
  },
)

await t.test('bind: RFC 4511 §4.2, SASL is not served', async (t) => {
  const { anyone } = startGateway(contoso().model)
  const authentication = { kind: 'sasl' as const, mechanism: 'EXTERNAL', credentials: null }
  const request = { kind: 'bindRequest' as const, version: 3, name: '', authentication }
  const outcome = await anyone().session.bind(request, anOperation())
  t.equal(outcome.code, ResultCode.authMethodNotSupported)
})

await t.test('bind: no yes and no no is never a denial', async (t) => {
  const { anyone, authenticator } = startGateway(contoso().model)
  for (const [reason, code] of [
    ['stale', ResultCode.unavailable],
    ['stopping', ResultCode.unavailable],
    ['overloaded', ResultCode.busy],
  ] as const) {
    authenticator.answer = new AuthenticationUnavailable(reason)
    t.equal((await anyone().bind(dnOf(adele))).code, code, reason)
    authenticator.answer = Promise.reject(new AuthenticationUnavailable(reason))
    t.equal((await anyone().bind(dnOf(adele))).code, code, `${reason}, later`)
  }
  authenticator.answer = new Error('a bug')
  await t.rejects(anyone().bind(dnOf(adele)), { message: 'a bug' })
})

await t.test(
  'bind: RFC 4513 §4, whoever was signed in is so no longer, however the next bind ends',
  async (t) => {
    const { as, authenticator } = startGateway(contoso().model)
    for (const [name, password] of [
      [dnOf(adele), 'wrong'],
      [dnOf(adele), ''],
      ['', ''],
    ] as const) {
      const one = await as(nss)
      await one.bind(name, password)
      t.equal(await nameOf(one), '')
      t.equal((await one.search('(uid=adele)')).outcome.code, ResultCode.insufficientAccessRights)
    }
    const one = await as(nss)
    authenticator.answer = new AuthenticationUnavailable('stale')
    await one.bind(dnOf(adele))
    t.equal(await nameOf(one), '')
  },
)

await t.test('bind: the identity is gone while the password is still being checked', async (t) => {
  const { as, authenticator } = startGateway(contoso().model)
  const one = await as(nss)
  let answer = (_: { ok: false; denial: 'held' }) => {}
  authenticator.answer = new Promise((resolve) => {
    answer = resolve
  })
  const bound = one.bind(dnOf(adele))
  t.equal(await nameOf(one), '')
  answer({ ok: false, denial: 'held' })
  t.same(await bound, denied)
})

await t.test('bind: people who bind on an LDAP client’s connection do so through it', async (t) => {
  const directory = contoso()
  const { as, authenticator } = startGateway(directory.model)
  const one = await as(nss)
  const clients = () =>
    authenticator.attempts.map(({ resource }) => {
      return resource.kind === 'ldap' ? (resource.client?.name ?? null) : 'no LDAP'
    })
  await one.bind(dnOf(adele))
  await one.bind(dnOf(bjorn), 'wrong')
  await one.bind(dnOf(adele))
  directory.change(nss, { holds: [aHold()] })
  await one.bind(dnOf(adele))
  t.same(clients(), [null, 'nss', 'nss', 'nss', null])
})

await t.test(
  'a hold takes the session’s rights at once, and its end gives them back',
  async (t) => {
    for (const who of [adele, nss]) {
      const directory = contoso()
      const one = await startGateway(directory.model).as(who)
      t.equal((await one.search('(objectClass=*)')).outcome.code, ResultCode.success)
      directory.change(who, { holds: [aHold()] })
      t.equal(await nameOf(one), '')
      t.equal(
        (await one.search('(objectClass=*)')).outcome.code,
        ResultCode.insufficientAccessRights,
      )
      directory.change(who, { holds: [] })
      t.equal(await nameOf(one), `dn:${dnOf(who)}`)
      directory.purge(who)
      t.equal(
        (await one.search('(objectClass=*)')).outcome.code,
        ResultCode.insufficientAccessRights,
      )
    }
  },
)

await t.test('a hold in the middle of a long search ends it there', async (t) => {
  const people = Array.from({ length: 20 }, () => aPerson())
  const directory = contoso(...people)
  const one = await startGateway(directory.model).as(nss)
  const onPause = () => {
    directory.change(nss, { holds: [aHold()] })
  }
  const { entries, outcome } = await one.search(
    '(uid=*)',
    {},
    { pace: { questionsATurn: 5, onPause } },
  )
  t.equal(outcome.code, ResultCode.insufficientAccessRights)
  t.ok(entries.length > 0 && entries.length < 10, `${entries.length} of 22 were sent`)
})

await t.test(
  'WhoAmI: RFC 4532, takes no value; other extended operations are unknown',
  async (t) => {
    const { as } = startGateway(contoso().model)
    const { session } = await as(nss)
    const ask = async (request: Operation) => {
      if (request.kind !== 'extendedRequest') throw new TypeError('no extended request')
      return (await session.extended(request, anOperation())).code
    }
    t.equal(await ask({ ...whoAmI, value: Buffer.from('x') }), ResultCode.protocolError)
    t.equal(await ask({ ...whoAmI, name: Oid.passwordModify }), ResultCode.protocolError)
  },
)

await t.test('compare: RFC 4511 §4.10, as the equality filter has it', async (t) => {
  const directory = contoso()
  const { as, anyone } = startGateway(directory.model)
  const one = await as(nss)
  const compare = async (entry: string, attribute: string, value: string, by = one) => {
    const request = { kind: 'compareRequest' as const, entry, attribute, value: Buffer.from(value) }
    return (await by.session.compare(request, anOperation())).code
  }
  const { compareTrue, compareFalse, noSuchAttribute, noSuchObject } = ResultCode
  t.equal(await compare(dnOf(adele), 'mail', 'ADELE@contoso.example'), compareTrue)
  t.equal(await compare(dnOf(adele), 'mail', 'x'), compareFalse)
  t.equal(await compare(dnOf(adele), 'title', 'x'), noSuchAttribute)
  t.equal(await compare(dnOf(adele), 'nosuch', 'x'), ResultCode.undefinedAttributeType)
  t.equal(await compare(dnOf(adele), 'userCertificate', 'x'), ResultCode.inappropriateMatching)
  t.equal(await compare(dnOf(sales), 'member', `UID=adele,ou=people,${BASE}`), compareTrue)
  t.equal(await compare(dnOf(sales), 'member', dnOf(bjorn)), compareFalse)
  t.equal(await compare(dnOf(sales), 'uniqueMember', dnOf(adele)), noSuchAttribute)
  t.equal(await compare(dnOf(sales), 'memberUid', 'adele'), compareTrue)
  t.equal(await compare(dnOf(adele), 'memberOf', dnOf(sales)), compareTrue)
  t.equal(await compare(`ou=people,${BASE}`, 'ou', 'PEOPLE'), compareTrue)
  t.equal(await compare(`ou=people,${BASE}`, 'ou', 'x'), compareFalse)
  t.equal(await compare(`uid=nobody,ou=people,${BASE}`, 'uid', 'x'), noSuchObject)
  t.equal(await compare('no dn', 'uid', 'x'), ResultCode.invalidDNSyntax)
  const self = await as(bjorn)
  t.equal(await compare(dnOf(bjorn), 'uid', 'bjorn', self), compareTrue)
  t.equal(await compare(dnOf(adele), 'uid', 'adele', self), noSuchObject)
  t.equal(await compare(dnOf(adele), 'uid', 'adele', anyone()), ResultCode.insufficientAccessRights)
})

await t.test('update: this directory is read-only over LDAP', async (t) => {
  const { session } = await startGateway(contoso().model).as(nss)
  const request = { kind: 'delRequest' as const, entry: dnOf(adele) }
  t.equal((await session.update(request, anOperation())).code, ResultCode.unwillingToPerform)
})
