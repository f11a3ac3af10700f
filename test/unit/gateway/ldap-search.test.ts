import t from 'tap'
import { ResultCode } from '../../../protocols/ldap/index.ts'
import {
  adele,
  bjorn,
  contoso,
  emea,
  held,
  manager,
  narrow,
  nss,
  sales,
  secret,
  staged,
} from '../../support/contoso.ts'
import { aGroup, aPerson, MemoryDirectory, someSettings } from '../../support/directory.ts'
import { BASE, dnOf, startGateway } from '../../support/ldap-gateway.ts'

await t.test(
  'root DSE: anonymous, for any filter that is true of it, and for no other',
  async (t) => {
    const { anyone } = startGateway(contoso().model)
    const one = anyone()
    const root = { baseObject: '', scope: 'base' as const }
    const { entries } = await one.search('(objectClass=*)', root)
    t.match(entries[0], {
      dn: '',
      attributes: {
        namingContexts: [BASE],
        supportedLDAPVersion: ['3'],
        subschemaSubentry: ['cn=Subschema'],
        vendorName: ['Gatehouse'],
        vendorVersion: ['1.2.3'],
        supportedExtension: ['1.3.6.1.4.1.4203.1.11.3', '1.3.6.1.4.1.1466.20037'],
      },
    })
    t.ok(entries[0]?.attributes.supportedControl?.includes('1.2.840.113556.1.4.319'))
    t.ok(Number(entries[0]?.attributes.lastUSN?.[0]) > 0)
    for (const attributes of [['+'], ['*'], ['NAMINGCONTEXTS']]) {
      const named = await one.search('(vendorName=Gatehouse)', { ...root, attributes })
      t.same(named.entries[0]?.attributes.namingContexts, [BASE], attributes.join())
    }
    const only = await one.search('(objectClass=*)', { ...root, attributes: ['lastusn'] })
    t.same(Object.keys(only.entries[0]?.attributes ?? {}), ['lastUSN'])
    t.same((await one.search('(cn=x)', root)).entries, [])
    t.same((await one.search('(isGlobalCatalogReady=TRUE)', root)).entries, [])
  },
)

await t.test('subschema: anonymous, with every attribute that entries here have', async (t) => {
  const { anyone, as } = startGateway(contoso().model)
  const where = {
    baseObject: 'CN=subschema',
    scope: 'base' as const,
    attributes: ['attributeTypes'],
  }
  const { entries } = await anyone().search('(objectClass=subschema)', where)
  const known = entries[0]?.attributes.attributeTypes?.join('\n') ?? ''
  const found = await (await as(nss)).search('(objectClass=*)', { attributes: ['*', '+'] })
  t.ok(found.entries.length > 8)
  for (const entry of found.entries) {
    for (const name of Object.keys(entry.attributes)) t.ok(known.includes(`'${name}'`), name)
  }
})

await t.test('anonymous sees nothing else, whatever is asked', async (t) => {
  const one = startGateway(contoso().model).anyone()
  for (const baseObject of [BASE, `ou=people,${BASE}`, dnOf(adele), 'dc=elsewhere']) {
    const { entries, outcome } = await one.search('(objectClass=*)', { baseObject })
    t.same(entries, [])
    t.equal(outcome.code, ResultCode.insufficientAccessRights)
  }
})

await t.test('a person, whole', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  t.same(await one.only('(uid=ADELE.vance)'), {
    dn: dnOf(adele),
    attributes: {
      objectClass: [
        'top',
        'person',
        'organizationalPerson',
        'inetOrgPerson',
        'posixAccount',
        'shadowAccount',
        'ldapPublicKey',
      ],
      uid: ['adele.vance'],
      cn: ['Adele  Vance'],
      sn: ['Vance'],
      givenName: ['Adele'],
      displayName: ['Adele  Vance'],
      mail: ['Adele.Vance@contoso.example'],
      uidNumber: [`${adele.uidNumber}`],
      gidNumber: [`${adele.gidNumber}`],
      homeDirectory: ['/home/adele.vance'],
      loginShell: ['/bin/bash'],
      gecos: ['Adele  Vance'],
      sshPublicKey: ['ssh-ed25519 AAAA adele'],
      title: ['Retail Manager'],
      departmentNumber: ['Retail'],
      telephoneNumber: ['+1 425 555-0109'],
      manager: [dnOf(manager)],
    },
  })
  const { attributes } = await one.only('(uid=adele.vance)', ['+'])
  t.match(attributes, {
    entryUUID: [adele.id],
    entryDN: [dnOf(adele)],
    createTimestamp: ['20260115093000Z'],
    memberOf: [dnOf(sales), dnOf(emea), dnOf(secret)],
    structuralObjectClass: ['inetOrgPerson'],
    hasSubordinates: ['FALSE'],
  })
  t.equal(attributes.nsAccountLock, undefined)
  const bare = await one.only('(uid=boss)', ['sn', 'gecos', 'mail'])
  t.same(bare.attributes.sn, ['Ann Chief'], 'a surname is a must: for want of one the whole name')
  const other = await one.only('(uid=bjorn)', ['gecos', 'mail'])
  t.same(other.attributes, { gecos: ['Bj?rn ?lfric'] }, 'absent is absent')
})

await t.test(
  'held people keep entry and numbers; keys and groups are gone (ARCHITECTURE §6)',
  async (t) => {
    const one = await startGateway(contoso().model).as(nss)
    const { attributes } = await one.only('(uid=hal)', ['*', '+'])
    t.match(attributes, {
      uidNumber: [`${held.uidNumber}`],
      shadowExpire: ['1'],
      nsAccountLock: ['TRUE'],
      pwdAccountLockedTime: ['20260115093000Z'],
    })
    t.equal(attributes.sshPublicKey, undefined)
    t.equal(attributes.memberOf, undefined)
    t.same(await one.names('(sshPublicKey=*)'), ['uid=adele.vance,ou=people'])
    t.same(await one.names('(&(uid=hal)(memberOf=*))'), [])
    t.same(await one.names(`(&(uid=hal)(memberOf=${dnOf(sales)}))`), [])
    t.same(await one.names(`(member=${dnOf(held)})`), [])
    t.same(await one.names('(memberUid=hal)'), [])
    t.same(await one.names('(nsAccountLock=TRUE)'), ['uid=hal,ou=people'])
  },
)

await t.test('a group of both schemas: direct members, and everybody inside by name', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  t.same(await one.only('(cn=sales)'), {
    dn: dnOf(sales),
    attributes: {
      objectClass: ['top', 'groupOfNames', 'posixGroup'],
      cn: ['sales'],
      gidNumber: [`${sales.gidNumber}`],
      description: ['Sales team'],
      member: [dnOf(adele)],
      memberUid: ['adele.vance'],
    },
  })
  const { attributes } = await one.only('(cn=emea)', ['member', 'memberUid', 'description'])
  t.same(attributes, {
    member: [dnOf(bjorn), dnOf(sales)],
    memberUid: ['adele.vance', 'bjorn'],
    description: ['Europe'],
  })
  t.same((await one.only('(cn=sales)', ['memberOf'])).attributes, { memberOf: [dnOf(emea)] })
})

await t.test('staged people are absent: as entries, as bases, as members', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  t.same(await one.names('(uid=stacy)'), [])
  t.same(await one.names('(memberUid=stacy)'), [])
  const { outcome } = await one.search('(objectClass=*)', { baseObject: dnOf(staged) })
  t.match(outcome, { code: ResultCode.noSuchObject, matchedDn: `ou=people,${BASE}` })
})

await t.test('filters: what finds whom', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  const [a, b, h, m] = ['uid=adele.vance', 'uid=bjorn', 'uid=hal', 'uid=boss'].map(
    (rdn) => `${rdn},ou=people`,
  )
  const everybody = [m, a, b, h]
  const [s, e, x] = ['cn=sales', 'cn=emea', 'cn=secret'].map((rdn) => `${rdn},ou=groups`)
  for (const [filter, found] of [
    ['(mail=adele.vance@CONTOSO.example)', [a]],
    ['(mail=*)', [m, a, h]],
    ['(&(objectClass=person)(!(mail=*)))', [b]],
    ['(userid=bjorn)', [b]],
    ['(0.9.2342.19200300.100.1.1=bjorn)', [b]],
    ['(cn=adele vance)', [a]],
    ['(cn=adele*)', [a]],
    ['(cn=*vance)', [a]],
    ['(cn=a*le*nce)', [a]],
    ['(cn=adele *)', [a]],
    ['(displayName=BJØRN*)', [b]],
    ['(sn=vance)', [a]],
    ['(sn=ann chief)', [m]],
    ['(sn=ann*)', [m]],
    ['(givenName=adele)', [a]],
    ['(title=retail manager)', [a]],
    ['(departmentNumber=retail)', [a]],
    ['(telephoneNumber=+14255550109)', [a]],
    ['(telephoneNumber=*0109)', [a]],
    [`(manager=${dnOf(manager)})`, [a]],
    ['(homeDirectory=/home/bjorn)', [b]],
    ['(loginShell=/bin/bash)', everybody],
    ['(uidNumber=300777)', [b]],
    ['(uidNumber>=300777)', [b]],
    ['(&(uidNumber<=300776)(uidNumber>=1))', [m, a, h]],
    ['(uidNumber>=99999999999999999999)', []],
    ['(gidNumber=400901)', [s]],
    [`(entryUUID=${adele.id.toUpperCase()})`, [a]],
    [`(entryDN=UID=adele.vance, ou=people,${BASE})`, [a]],
    ['(objectClass=posixAccount)', everybody],
    ['(objectClass=posixGroup)', [s, e, x]],
    ['(objectClass=groupOfUniqueNames)', []],
    [`(memberOf=${dnOf(sales)})`, [a]],
    [`(memberOf=${dnOf(emea)})`, [a, b, s]],
    [`(memberOf:1.2.840.113556.1.4.1941:=${dnOf(emea)})`, [a, b, s]],
    [`(member=${dnOf(adele)})`, [s, x]],
    [`(member:1.2.840.113556.1.4.1941:=${dnOf(adele)})`, [s, e, x]],
    [`(member=${dnOf(sales)})`, [e]],
    ['(memberUid=adele.vance)', [s, e, x]],
    ['(memberUid=Adele.Vance)', []],
    ['(memberOf=cn=nobody,ou=groups,dc=contoso,dc=example)', []],
    ['(memberOf=not a dn)', []],
    ['(&(objectClass=person)(!(memberOf=*)))', [m, h]],
    ['(createTimestamp=20260115093000Z)', [...everybody, s, e, x, 'uid=nss,ou=services']],
    ['(createTimestamp>=20260115093001Z)', []],
    ['(&(createTimestamp<=20260115093000Z)(uid=bjorn))', [b]],
    ['(&(uid=bjorn)(modifyTimestamp>=20260115093000Z))', [b]],
    ['(&(uid=bjorn)(entryUSN>=1)(!(entryUSN=1)))', [b]],
    ['(cn:caseExactMatch:=emea)', [e]],
    ['(cn:caseExactMatch:=EMEA)', []],
    ['(uidNumber:1.2.840.113556.1.4.803:=300777)', [b]],
    ['(ou=people)', ['ou=people']],
    ['(|(uid=bjorn)(uid=boss)(uid=nobody))', [m, b]],
    ['(!(objectClass=*))', []],
    ['(|)', []],
  ] as const) {
    t.same(await one.names(filter), found, filter)
  }
})

await t.test(
  'filters: RFC 4511 §4.5.1.7, what nobody knows is Undefined and selects nothing',
  async (t) => {
    const one = await startGateway(contoso().model).as(nss)
    for (const filter of [
      '(!(nosuchattribute=x))',
      '(!(userAccountControl:1.2.840.113556.1.4.803:=2))',
      '(!(uidNumber=abc))',
      '(!(cn:1.2.3.4:=x))',
      '(!(uidNumber=*1*))',
      '(!(memberOf=not a dn))',
      '(&(uid=bjorn)(!(nosuch=*)))',
    ]) {
      t.same(await one.names(filter, { baseObject: `ou=people,${BASE}`, scope: 'one' }), [], filter)
    }
    t.same(await one.names('(|(nosuch=x)(uid=bjorn))'), ['uid=bjorn,ou=people'])
    t.same(await one.names('(&(uid=bjorn)(!(gidNumber=0)))'), ['uid=bjorn,ou=people'])
  },
)

await t.test(
  'filters: an attribute another kind of entry has is false of this one, not Undefined',
  async (t) => {
    const one = await startGateway(contoso().model).as(nss)
    const groups = { baseObject: `ou=groups,${BASE}`, scope: 'one' as const }
    const all = ['cn=sales,ou=groups', 'cn=emea,ou=groups', 'cn=secret,ou=groups']
    t.same(await one.names('(!(mail=x))', groups), all)
    t.same(await one.names('(!(uid=x))', groups), all)
    t.same(await one.names('(!(uidNumber=1))', groups), all)
  },
)

await t.test('scopes: from the base and from a unit', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  const units = ['ou=people', 'ou=groups', 'ou=services', 'ou=sudoers', 'ou=automount']
  const all = '(objectClass=*)'
  t.same(await one.names(all, { scope: 'base' }), [BASE])
  t.same(await one.names(all, { scope: 'one' }), units)
  const sub = await one.names(all)
  t.same(sub.slice(0, 6), [BASE, ...units])
  t.equal(sub.length, 6 + 4 + 3 + 1)
  t.same(await one.names(all, { scope: 'children' }), sub.slice(1))
  t.same(await one.names(all, { baseObject: '' }), sub, 'from the root down is from our base down')
  const people = { baseObject: `OU=People,${BASE}` }
  t.equal((await one.names(all, { ...people, scope: 'sub' })).length, 5)
  t.equal((await one.names(all, { ...people, scope: 'one' })).length, 4)
  t.same(await one.names(all, { ...people, scope: 'base' }), ['ou=people'])
  t.same(await one.names(all, { baseObject: dnOf(adele), scope: 'base' }), [
    'uid=adele.vance,ou=people',
  ])
  t.same(await one.names(all, { baseObject: dnOf(adele), scope: 'one' }), [])
  t.same(await one.names(all, { baseObject: `ou=sudoers,${BASE}` }), ['ou=sudoers'])
})

await t.test('containers: an organisation at the base, units that say what they are', async (t) => {
  const one = await startGateway(contoso().model).as(nss)
  const base = await one.search('(objectClass=dcObject)', { scope: 'base' })
  t.match(base.entries[0]?.attributes, {
    objectClass: ['top', 'organization', 'dcObject'],
    dc: ['contoso'],
    o: ['Contoso'],
  })
  const { attributes } = await one.only('(ou=people)', ['ou', 'hasSubordinates', 'objectClass'])
  t.same(attributes, {
    objectClass: ['top', 'organizationalUnit'],
    ou: ['people'],
    hasSubordinates: ['TRUE'],
  })
})

await t.test(
  'RFC 4511 §4.1.9: a missing base is 32 with what exists, a filter without matches is success',
  async (t) => {
    const one = await startGateway(contoso().model).as(nss)
    for (const [baseObject, matchedDn] of [
      [`uid=nobody,ou=people,${BASE}`, `ou=people,${BASE}`],
      [`cn=a,uid=nobody,ou=people,${BASE}`, `ou=people,${BASE}`],
      [`cn=adele.vance,ou=people,${BASE}`, `ou=people,${BASE}`],
      [`uid=adele.vance+cn=x,ou=people,${BASE}`, `ou=people,${BASE}`],
      [`ou=nowhere,${BASE}`, BASE],
      ['dc=elsewhere', ''],
    ] as const) {
      const { outcome } = await one.search('(objectClass=*)', { baseObject })
      t.match(outcome, { code: ResultCode.noSuchObject, matchedDn }, baseObject)
    }
    t.equal((await one.search('(uid=nobody)')).outcome.code, ResultCode.success)
    const { outcome } = await one.search('(uid=x)', { baseObject: 'not a dn' })
    t.equal(outcome.code, ResultCode.invalidDNSyntax)
  },
)

await t.test(
  'selection: RFC 4511 §4.5.1.8, names in any form, spelled as the schema has them',
  async (t) => {
    const one = await startGateway(contoso().model).as(nss)
    const keys = async (...attributes: string[]) =>
      Object.keys((await one.only('(uid=bjorn)', attributes)).attributes)
    t.same(await keys('1.1'), [])
    t.same(await keys('UIDNUMBER', 'userid', '2.5.4.3'), ['uid', 'cn', 'uidNumber'])
    t.same(await keys('', 'uid', 'uid', 'nosuch', 'cn;lang-de', 'dn'), ['uid'])
    t.same(await keys('1.1', 'uid'), ['uid'])
    t.same(await keys('nosuch'), [])
    t.same(await keys('entryDN', 'distinguishedName'), ['entryDN', 'distinguishedName'])
    t.same(await keys('@posixAccount'), [
      'objectClass',
      'uid',
      'cn',
      'uidNumber',
      'gidNumber',
      'homeDirectory',
      'loginShell',
      'gecos',
    ])
    const user = await keys()
    t.same(await keys('*'), user)
    t.equal(user.includes('entryUUID'), false)
    t.equal(user.includes('distinguishedName'), false)
    t.ok((await keys('*', '+')).length > user.length + 5)
    const types = await one.search('(uid=adele.vance)', {
      attributes: ['uid', 'memberOf', 'employeeType'],
      typesOnly: true,
    })
    t.same(types.entries[0]?.attributes, { uid: [], memberOf: [] })
  },
)

await t.test(
  'an answer follows the directory: a renamed person, a lifted hold, a new member',
  async (t) => {
    const directory = contoso()
    const one = await startGateway(directory.model).as(nss)
    const hal = () => one.only('(uidNumber=*)').catch(() => null)
    t.equal(await hal(), null)
    t.equal((await one.only('(uid=hal)')).attributes.sshPublicKey, undefined)
    directory.change(held, { holds: [] })
    t.same((await one.only('(uid=hal)')).attributes.sshPublicKey, ['ssh-ed25519 AAAA hal'])
    t.same((await one.only('(cn=sales)')).attributes.memberUid, ['adele.vance', 'hal'])
    directory.change(bjorn, { username: 'bear' })
    t.same(
      (await one.only('(cn=emea)', ['member'])).attributes.member?.[0],
      `uid=bear,ou=people,${BASE}`,
    )
    t.same(await one.names('(uid=bjorn)'), [])
    directory.leave(sales, adele)
    t.same((await one.only('(uid=adele.vance)', ['memberOf'])).attributes.memberOf, [dnOf(secret)])
  },
)

await t.test('a view shows its groups, their people, and names nobody else', async (t) => {
  const one = await startGateway(contoso().model).as(narrow)
  t.same(
    await one.names('(objectClass=posixAccount)'),
    ['uid=adele.vance,ou=people', 'uid=bjorn,ou=people'].concat('uid=hal,ou=people'),
  )
  t.same(await one.names('(objectClass=posixGroup)'), ['cn=sales,ou=groups', 'cn=emea,ou=groups'])
  const { attributes } = await one.only('(uid=adele.vance)', ['memberOf', 'manager'])
  t.same(attributes, { memberOf: [dnOf(sales), dnOf(emea)] })
  t.same(await one.names(`(memberOf=${dnOf(secret)})`), [])
  t.same(await one.names(`(manager=${dnOf(manager)})`), [])
  t.same(await one.names(`(member=${dnOf(manager)})`), [])
  t.same(await one.names('(uid=boss)'), [])
  const { outcome } = await one.search('(objectClass=*)', { baseObject: dnOf(secret) })
  t.match(outcome, { code: ResultCode.noSuchObject, matchedDn: `ou=groups,${BASE}` })
  t.same(await one.names('(objectClass=account)'), ['uid=narrow,ou=services'], 'and itself')
})

await t.test('a person reads her own entry, the groups in it by name, and no other', async (t) => {
  const one = await startGateway(contoso().model).as(adele)
  t.same(await one.names('(objectClass=*)', { scope: 'sub', baseObject: `ou=people,${BASE}` }), [
    'ou=people',
    'uid=adele.vance,ou=people',
  ])
  const { attributes } = await one.only('(uid=adele.vance)', ['memberOf', 'mail', 'manager'])
  t.same(attributes, {
    mail: ['Adele.Vance@contoso.example'],
    memberOf: [dnOf(sales), dnOf(emea), dnOf(secret)],
  })
  t.same(await one.names('(cn=sales)'), [])
  const { outcome } = await one.search('(objectClass=*)', { baseObject: dnOf(bjorn) })
  t.equal(outcome.code, ResultCode.noSuchObject)
})

await t.test('a private group answers to its number and its DN, and is in no list', async (t) => {
  const directory = contoso()
  const one = await startGateway(directory.model).as(nss)
  const dn = `cn=bjorn,ou=groups,${BASE}`
  const group = {
    dn,
    attributes: {
      objectClass: ['top', 'groupOfNames', 'posixGroup'],
      cn: ['bjorn'],
      gidNumber: ['300777'],
      memberUid: ['bjorn'],
      member: [dnOf(bjorn)],
    },
  }
  t.same(
    await one.only(
      '(&(gidNumber=300777)(objectClass=posixGroup)(cn=*)(&(gidNumber=*)(!(gidNumber=0))))',
    ),
    group,
  )
  t.same(
    (await one.search('(objectClass=posixGroup)', { baseObject: dn, scope: 'base' })).entries,
    [group],
  )
  t.same(await one.names('(&(cn=bjorn)(objectClass=posixGroup))'), [])
  t.same(await one.names('(&(gidNumber>=300777)(objectClass=posixGroup))'), [
    'cn=sales,ou=groups',
    'cn=emea,ou=groups',
    'cn=secret,ou=groups',
  ])
  t.same(await one.names('(gidNumber=300777)', { baseObject: `ou=people,${BASE}` }), [
    'uid=bjorn,ou=people',
  ])
  const real = aGroup({ name: 'bjorn' })
  directory.put(real)
  t.same(await one.names('(&(gidNumber=300777)(objectClass=posixGroup))'), [], 'the name is taken')
  const found = await one.search('(objectClass=*)', { baseObject: dn, attributes: ['entryUUID'] })
  t.same(found.entries[0]?.attributes.entryUUID, [real.id])
})

await t.test('names with characters that DNs and filters escape are found by either', async (t) => {
  const odd = aGroup({ name: 'a, b+c "d" (e) \\ #f' })
  const one = await startGateway(new MemoryDirectory(someSettings(), nss, odd).model).as(nss)
  const dn = `cn=a\\, b\\+c \\"d\\" (e) \\\\ #f,ou=groups,${BASE}`
  t.equal((await one.only('(cn=a, b+c "d" \\28e\\29 \\5c #f)')).dn, dn)
  const found = await one.search('(objectClass=*)', { baseObject: dn, attributes: ['entryDN'] })
  t.same(found.entries, [{ dn, attributes: { entryDN: [dn] } }])
})

await t.test(
  'before the first source there is no tree, but a root DSE without a context',
  async (t) => {
    const directory = new MemoryDirectory(someSettings({ domain: null }), nss)
    const one = startGateway(directory.model).anyone()
    const { entries } = await one.search('(objectClass=*)', { baseObject: '', scope: 'base' })
    t.equal(entries[0]?.attributes.namingContexts, undefined)
    t.equal((await one.bind(dnOf(nss))).code, ResultCode.invalidCredentials)
    directory.put(someSettings())
    t.equal((await one.bind(dnOf(nss))).code, ResultCode.success)
    t.same(await one.names('(ou=people)'), ['ou=people'])
  },
)

await t.test(
  'the same person in a directory of 200 costs no more questions than in one of 2',
  async (t) => {
    const asked = async (size: number) => {
      const people = Array.from({ length: size }, (_, at) => aPerson({ username: `p${at}` }))
      const { model } = new MemoryDirectory(someSettings(), nss, ...people)
      const one = await startGateway(model).as(nss)
      let looked = 0
      const entry = model.entry.bind(model)
      model.entry = (no) => {
        looked++
        return entry(no)
      }
      const search = model.search.bind(model)
      model.search = (query, options) =>
        search(query, {
          ...options,
          goOn: (no) => {
            looked++
            return options?.goOn?.(no) ?? true
          },
        })
      t.same(await one.names('(uid=p1)'), ['uid=p1,ou=people'])
      return looked
    }
    const few = await asked(2)
    t.ok(few > 0)
    t.equal(await asked(200), few)
  },
)
