import t from 'tap'
import {
  escapeFilterValue,
  formatDn,
  formatFilter,
  LdapError,
  normaliseDn,
  parseAttributeDescription,
  parseDn,
  parseFilter,
  prepareSubstring,
  prepareValue,
} from '../../../../protocols/ldap/index.ts'

await t.test('DN: RFC 4514 §4 examples, parsed and written in the one spelling', async (t) => {
  for (const [text, values, spelling = text] of [
    ['UID=jsmith,DC=example,DC=net', ['jsmith', 'example', 'net']],
    ['OU=Sales+CN=J.  Smith,DC=example', ['Sales', 'J.  Smith', 'example']],
    ['CN=James \\"Jim\\" Smith\\, III,DC=net', ['James "Jim" Smith, III', 'net']],
    ['CN=Before\\0dAfter,DC=net', ['Before\rAfter', 'net'], 'CN=Before\rAfter,DC=net'],
    ['1.3.6.1.4.1.1466.0=#04024869', ['Hi'], '1.3.6.1.4.1.1466.0=Hi'],
    ['CN=Lu\\C4\\8Di\\C4\\87', ['Lučić'], 'CN=Lučić'],
    ['cn = a , dc = b', ['a', 'b'], 'cn=a,dc=b'],
    ['cn=\\ a\\ ', [' a '], 'cn=\\ a\\ '],
    ['cn=\\#a', ['#a']],
    ['cn=a\\=b', ['a=b'], 'cn=a=b'],
    ['cn=', ['']],
    ['cn=\\00', ['\0']],
    ['cn=a\\20b', ['a b'], 'cn=a b'],
    ['', []],
    ['  ', [], ''],
  ] as const) {
    const dn = parseDn(text)
    t.same(
      dn.flatMap((rdn) => rdn.map(({ value }) => value)),
      values,
      text,
    )
    t.equal(formatDn(dn), spelling, text)
  }
})

await t.test('DN: a hex value that is no string stays as its bytes', async (t) => {
  const dn = parseDn('1.2.3=#020105')
  t.same(dn[0]?.[0]?.value, Buffer.from('020105', 'hex'))
  t.equal(formatDn(dn), '1.2.3=#020105')
  t.equal(normaliseDn('1.2.3=#020105'), '1.2.3=#020105')
})

await t.test('DN: what RFC 4514 §3 does not allow is refused', async (t) => {
  const refused = [
    'not a dn',
    '=x',
    'cn=a,',
    'cn=a,,dc=b',
    'cn=a;dc=b',
    'cn=a<b',
    'cn="a"',
    'cn=a\\',
    'cn=a\\4',
    'cn=a\\zz',
    'cn=\\ff',
    'cn=#',
    'cn=#1',
    'cn=#0403',
    'cn=#04024869ff',
    'c n=x',
    '1..2=x',
    '01.2=x',
    'cn=a\0',
    `cn=${'a'.repeat(9_000)}`,
    Array.from({ length: 65 }, () => 'dc=x').join(),
    Array.from({ length: 65 }, () => 'dc=x').join('+'),
  ]
  for (const text of refused) {
    t.throws(() => parseDn(text), { name: 'LdapError', code: 'LDAP_BAD_DN' }, text.slice(0, 40))
  }
})

await t.test(
  'DN: RFC 4517 §4.2.15, spellings of one name share a key, other names do not',
  async (t) => {
    const key = normaliseDn('uid=adele.vance,ou=people,dc=contoso,dc=example')
    for (const spelling of [
      'UID=Adele.Vance,OU=People,DC=CONTOSO,DC=example',
      'userid = adele.vance , ou=people,dc=contoso,dc=example',
      '0.9.2342.19200300.100.1.1=adele.vance,ou=people,domainComponent=contoso,dc=example',
      'uid=adele\\2evance,ou=people,dc=contoso,dc=example',
      'uid=#0c0b6164656c652e76616e6365,ou=people,dc=contoso,dc=example',
      'uid=adele.vance,ou= people ,dc=contoso,dc=example',
    ]) {
      t.equal(normaliseDn(spelling), key, spelling)
    }
    t.equal(normaliseDn('cn=a+uid=b,dc=x'), normaliseDn('UID=B+CN=A,dc=x'))
    t.equal(normaliseDn('cn=a  b'), normaliseDn('cn=A B'))
    for (const [one, other] of [
      ['cn=a\\,dc=b', 'cn=a,dc=b'],
      ['cn=a\\+uid=b', 'cn=a+uid=b'],
      ['uid=a', 'cn=a'],
      ['homeDirectory=/A', 'homeDirectory=/a'],
    ] as const) {
      t.equal(normaliseDn(one) === normaliseDn(other), false, `${one} and ${other}`)
    }
  },
)

await t.test('filter text: RFC 4515 §4 examples and more, there and back', async (t) => {
  for (const text of [
    '(cn=Babs Jensen)',
    '(!(cn=Tim Howes))',
    '(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))',
    '(o=univ*of*mich*)',
    '(seeAlso=)',
    '(cn:caseExactMatch:=Fred Flintstone)',
    '(cn:=Betty Rubble)',
    '(sn:dn:2.4.6.8.10:=Barney Rubble)',
    '(o:dn:=Ace Industry)',
    '(:1.2.3:=Wilma Flintstone)',
    '(:dn:2.4.6.8.10:=Dino)',
    '(o=Parens R Us \\28for all your parenthetical needs\\29)',
    '(cn=*\\2a*)',
    '(filename=C:\\5cMyFile)',
    '(sn=Lučić)',
    '(uidNumber>=300000)',
    '(uidNumber<=300000)',
    '(cn~=adel)',
    '(cn=*)',
    '(cn=*a)',
    '(&)',
    '(|)',
    '(userCertificate;binary=*)',
  ]) {
    t.equal(formatFilter(parseFilter(text)), text)
  }
  t.equal(formatFilter(parseFilter('(bin=\\00\\00\\00\\04)')), '(bin=\\00\\00\\00\x04)')
  t.equal(formatFilter(parseFilter('(sn=Lu\\c4\\8di\\c4\\87)')), '(sn=Lučić)')
  t.equal(escapeFilterValue(Buffer.from('ff00', 'hex')), '\\ff\\00')
})

await t.test('filter text: what the grammar does not allow is refused', async (t) => {
  for (const text of [
    '',
    'cn=a',
    '(cn=a',
    '(cn=a))',
    '(cn)',
    '()',
    '(=a)',
    '(c n=a)',
    '(cn=a(b)',
    '(cn=a\\2)',
    '(cn=a\\zz)',
    '(cn=a**b)',
    '(cn>=*)',
    '(!)',
    '(!(a=b)(c=d))',
    '(:=x)',
    '(:dn:=x)',
    '(cn:a b:=x)',
    `${'(!'.repeat(65)}(a=b)${')'.repeat(65)}`,
    `(|${'(a=b)'.repeat(4_097)})`,
    `(a=${'b*'.repeat(70)})`,
  ]) {
    t.throws(() => parseFilter(text), { code: 'LDAP_BAD_FILTER' }, text.slice(0, 40))
  }
  t.ok(parseFilter(`${'(!'.repeat(64)}(a=b)${')'.repeat(64)}`), 'a depth of 64 is allowed')
})

await t.test(
  'attribute description: RFC 4512 §2.5, names, OIDs and options in any order',
  async (t) => {
    t.same(parseAttributeDescription('userCertificate;binary'), {
      type: 'usercertificate',
      options: ['binary'],
    })
    t.same(parseAttributeDescription('CN;lang-fr;lang-de;Lang-FR'), {
      type: 'cn',
      options: ['lang-de', 'lang-fr'],
    })
    t.same(parseAttributeDescription('2.5.4.3'), { type: '2.5.4.3', options: [] })
    for (const text of [
      '',
      '*',
      '+',
      'c n',
      '1',
      '1.',
      '1.02',
      'cn;',
      ';x',
      '-cn',
      'é',
      'a'.repeat(600),
    ]) {
      t.equal(parseAttributeDescription(text), null, text)
    }
  },
)

await t.test(
  'preparation: RFC 4518 §2, values that differ in nothing significant become equal',
  async (t) => {
    for (const [one, other] of [
      ['Adele  Vance', ' adele vance '],
      ['ADÉLE', 'adéle'],
      ['ﬁne', 'FINE'],
      ['a\u00a0b', 'a b'],
      ['a\u00adb', 'ab'],
      ['a\u200bb', 'ab'],
      ['a\tb', 'a b'],
      ['Ångström', 'A\u030angström'],
      ['', '   '],
    ] as const) {
      t.equal(prepareValue(one, true), prepareValue(other, true), JSON.stringify(one))
    }
    t.equal(prepareValue('Adele', false) === prepareValue('adele', false), false, 'case counts')
    t.equal(prepareValue('adelevance', true) === prepareValue('adele vance', true), false)
  },
)

await t.test('preparation: RFC 4518 §2.6.1, spaces as the clause has them', async (t) => {
  t.equal(prepareValue('foo bar  x', false), ' foo  bar  x ')
  t.equal(prepareValue('  ', false), '  ')
  const piece = (text: string, place: 'initial' | 'any' | 'final') =>
    prepareSubstring(text, { isCaseIgnored: true, place })
  t.equal(piece('Foo ', 'initial'), ' foo ')
  t.equal(piece('foo', 'initial'), ' foo')
  t.equal(piece(' foo ', 'any'), ' foo ')
  t.equal(piece('f  oo', 'any'), 'f  oo')
  t.equal(piece(' foo', 'final'), ' foo ')
  t.equal(piece('foo', 'final'), 'foo ')
  t.equal(piece('  ', 'any'), ' ')
})

await t.test('refusals quote nothing of what they refuse', async (t) => {
  try {
    parseFilter('(secret=hunter2')
  } catch (error) {
    t.ok(error instanceof LdapError)
    t.equal(String(error).includes('hunter2'), false)
  }
})
