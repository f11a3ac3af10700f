import t from 'tap'
import {
  comparableOf,
  compileFilter,
  findAttributeType,
  findMatchingRule,
  findObjectClass,
  formatGeneralizedTime,
  MATCHING_RULES,
  parseFilter,
  parseGeneralizedTime,
  readAttributeType,
  renderSchema,
  withSuperiors,
} from '../../../../protocols/ldap/index.ts'

const entry = new Map<string, readonly string[]>([
  ['objectClass', ['top', 'person', 'posixAccount']],
  ['cn', ['Adele Vance', 'Adele V.']],
  ['uidNumber', ['300005']],
  ['homeDirectory', ['/home/Adele']],
  ['mobile', ['+49 170-12 34']],
  ['createTimestamp', ['20260115093000Z']],
  ['memberOf', ['cn=sales,ou=groups,dc=contoso,dc=example']],
  ['entryUUID', ['0b7f1c3e-0000-4000-8000-000000000001']],
  ['sshPublicKey', ['ssh-ed25519 AAAA']],
])

const holds = (text: string) =>
  compileFilter(parseFilter(text))((attribute) => entry.get(attribute.name) ?? [])

await t.test('filter: RFC 4511 §4.5.1.7, what is true of an entry', async (t) => {
  for (const text of [
    '(CN=adele  vance)',
    '(commonName=ADELE V.)',
    '(2.5.4.3=adele vance)',
    '(cn=Adele*)',
    '(cn=*vance)',
    '(cn=a*e*ce)',
    '(cn=adele *)',
    '(cn=*e v*)',
    '(cn~=adele vance)',
    '(cn>=adele)',
    '(cn<=b)',
    '(uidNumber=300005)',
    '(uidNumber=0300005)',
    '(uidNumber>=300005)',
    '(uidNumber<=300005)',
    '(uidNumber:1.2.840.113556.1.4.803:=5)',
    '(uidNumber:1.2.840.113556.1.4.804:=3)',
    '(homeDirectory=/home/Adele)',
    '(mobile=+491701234)',
    '(mobile=*1234)',
    '(createTimestamp>=20260115090000Z)',
    '(createTimestamp=20260115103000+0100)',
    '(memberOf=CN=Sales, OU=groups,DC=contoso,DC=example)',
    '(memberOf:distinguishedNameMatch:=cn=sales,ou=groups,dc=contoso,dc=example)',
    '(entryUUID=0B7F1C3E-0000-4000-8000-000000000001)',
    '(objectClass=PERSON)',
    '(objectClass=2.5.6.6)',
    '(cn:caseExactMatch:=Adele Vance)',
    '(cn:=adele vance)',
    '(sshPublicKey=ssh-ed25519 AAAA)',
    '(&)',
    '(!(|))',
    '(|(nosuch=a)(cn=*))',
    '(&(cn=*)(!(sn=*)))',
  ]) {
    t.equal(holds(text), true, text)
  }
})

await t.test('filter: what is false of an entry', async (t) => {
  for (const text of [
    '(cn=adele)',
    '(cn=adelevance)',
    '(cn=vance*)',
    '(cn=adele*adele vance)',
    '(sn=*)',
    '(sn=a)',
    '(uidNumber>=300006)',
    '(uidNumber:1.2.840.113556.1.4.803:=2)',
    '(homeDirectory=/home/adele)',
    '(memberOf=cn=other)',
    '(cn:caseExactMatch:=adele vance)',
    '(objectClass=group)',
    '(|)',
    '(!(cn=*))',
    '(&(nosuch=a)(sn=*))',
  ]) {
    t.equal(holds(text), false, text)
  }
})

await t.test('filter: what is Undefined stays so, negated as well', async (t) => {
  for (const text of [
    '(nosuch=a)',
    '(nosuch=*)',
    '(cn;lang-de=adele vance)',
    '(uidNumber=abc)',
    '(uidNumber=*3*)',
    '(homeDirectory>=/home)',
    '(createTimestamp=yesterday)',
    '(createTimestamp=20260631000000Z)',
    '(memberOf=no dn)',
    '(memberOf=cn=a*)',
    '(entryUUID=abc)',
    '(sshPublicKey=ssh*)',
    '(cn=\\ff)',
    '(cn:1.2.3.4:=a)',
    '(cn:caseIgnoreSubstringsMatch:=a)',
    '(:caseExactMatch:=Adele Vance)',
    '(cn:1.2.840.113556.1.4.803:=1)',
    '(userAccountControl:1.2.840.113556.1.4.803:=2)',
    '(userCertificate=a)',
    '(|(nosuch=a)(sn=a))',
    '(&(nosuch=a)(cn=*))',
  ]) {
    t.equal(holds(text), undefined, text)
    t.equal(holds(`(!${text})`), undefined, `not ${text}`)
  }
})

await t.test('filter: a value longer than 64 KiB matches nothing and costs nothing', async (t) => {
  t.equal(holds(`(cn=${'a'.repeat(70_000)})`), undefined)
})

await t.test('generalized time: RFC 4517 §3.3.13', async (t) => {
  const at = Date.UTC(2026, 0, 15, 9, 30, 15)
  for (const [text, ms] of [
    ['20260115093015Z', at],
    ['20260115093015.5Z', at + 500],
    ['20260115093015,25Z', at + 250],
    ['202601150930Z', at - 15_000],
    ['2026011509Z', at - 30 * 60_000 - 15_000],
    ['2026011509.5Z', at - 15_000],
    ['20260115103015+0100', at],
    ['20260115043015-05', at],
    ['20260115093015', null],
    ['20261315093015Z', null],
    ['20260230000000Z', null],
    ['20260115', null],
    ['x', null],
  ] as const) {
    t.equal(parseGeneralizedTime(text), ms, text)
  }
  t.equal(formatGeneralizedTime(at + 999), '20260115093015Z')
})

await t.test('schema: names in any case, aliases and OIDs lead to one attribute', async (t) => {
  const cn = readAttributeType('cn')
  for (const name of ['CN', 'commonname', 'commonName', '2.5.4.3']) {
    t.equal(findAttributeType(name), cn, name)
  }
  t.equal(findAttributeType('nosuch'), null)
  t.throws(() => readAttributeType('nosuch'), TypeError)
  t.equal(findObjectClass('INETORGPERSON')?.name, 'inetOrgPerson')
  t.same(withSuperiors('inetOrgPerson'), ['inetOrgPerson', 'organizationalPerson', 'person', 'top'])
})

await t.test(
  'schema: every rule an attribute names and every attribute a class names is there',
  async (t) => {
    const { attributeTypes, objectClasses } = renderSchema()
    for (const definition of attributeTypes) {
      for (const [, rule = ''] of definition.matchAll(/(?:EQUALITY|ORDERING|SUBSTR) (\S+)/g)) {
        t.ok(findMatchingRule(rule), `${rule} in ${definition}`)
      }
    }
    for (const definition of objectClasses) {
      for (const [, list = ''] of definition.matchAll(/(?:MUST|MAY) (\( [^)]* \)|\S+)/g)) {
        for (const name of list.split(/[ ()$]+/).filter((word) => word !== '')) {
          t.ok(findAttributeType(name), `${name} in ${definition}`)
        }
      }
    }
  },
)

await t.test('schema: no OID stands for two things', async (t) => {
  const { attributeTypes, objectClasses, matchingRules } = renderSchema()
  const oids = [...attributeTypes, ...objectClasses, ...matchingRules].map(
    (definition) => definition.split(' ')[1],
  )
  t.equal(new Set(oids).size, oids.length)
})

await t.test('schema: RFC 4512 §4.1, definitions as clients parse them', async (t) => {
  const schema = renderSchema()
  t.ok(
    schema.attributeTypes.includes(
      "( 2.5.4.3 NAME ( 'cn' 'commonName' ) EQUALITY caseIgnoreMatch " +
        'ORDERING caseIgnoreOrderingMatch SUBSTR caseIgnoreSubstringsMatch ' +
        'SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )',
    ),
  )
  t.ok(
    schema.attributeTypes.includes(
      "( 1.3.6.1.1.16.4 NAME 'entryUUID' EQUALITY uuidMatch ORDERING uuidOrderingMatch " +
        'SYNTAX 1.3.6.1.1.16.1 SINGLE-VALUE NO-USER-MODIFICATION USAGE directoryOperation )',
    ),
  )
  t.ok(
    schema.objectClasses.includes(
      "( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top AUXILIARY MUST gidNumber " +
        'MAY ( cn $ userPassword $ memberUid $ description ) )',
    ),
  )
  t.ok(schema.matchingRules.some((rule) => rule.includes("NAME 'caseIgnoreMatch'")))
  t.ok(schema.matchingRuleUse.some((use) => /'uuidMatch' APPLIES entryUUID/.test(use)))
  t.ok(schema.ldapSyntaxes.includes('( 1.3.6.1.4.1.1466.115.121.1.12 )'))
})

await t.test(
  'matching: every kind of rule refuses a value that is not of its syntax, or takes all',
  async (t) => {
    const takesAll = new Set(['caseIgnore', 'caseExact', 'numeric', 'telephone', 'octets', 'oid'])
    for (const { kind, name } of MATCHING_RULES) {
      t.equal(comparableOf(kind, '=,') !== null, takesAll.has(kind), name)
    }
  },
)
