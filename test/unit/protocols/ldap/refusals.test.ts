import t from 'tap'
import { decodeEnvelope, decodeRequestIn } from '../../../../protocols/ldap/decode.ts'
import { parseDn } from '../../../../protocols/ldap/dn/parse.ts'
import { Oid } from '../../../../protocols/ldap/index.ts'
import { decodePagedResults } from '../../../../protocols/ldap/paged-results.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

await t.test('a response where a request is due', async (t) => {
  const response = hex('30 0c 02 01 01 61 07 0a 01 00 04 00 04 00')
  t.throws(() => decodeRequestIn(decodeEnvelope(response)), { code: 'LDAP_MALFORMED' })
})

await t.test('paged results (RFC 2696 §2): a value that is none', async (t) => {
  const decode = (value: string) =>
    decodePagedResults({ type: Oid.pagedResults, isCritical: false, value: hex(value) })
  t.match(decode('30 06 02 01 05 04 01 aa'), { size: 5, cookie: hex('aa') })
  for (const value of [
    '30 05 02 01 ff 04 00',
    '30 05 02 01 05 04 00 00',
    '30 03 02 01 05',
    '31 05 02 01 05 04 00',
    '',
  ]) {
    t.throws(() => decode(value), { code: 'LDAP_PROTOCOL' }, `[${value}]`)
  }
})

await t.test('a DN value written as BER (RFC 4514 §2.4) is text where it is text', async (t) => {
  t.same(parseDn('cn=#0402616c'), [[{ type: 'cn', value: 'al' }]])
  t.same(parseDn('cn=#0201'), [[{ type: 'cn', value: hex('0201') }]], 'an integer stays bytes')
  for (const bytes of ['0402616c00', '0405616c', '0401ff']) {
    t.throws(() => parseDn(`cn=#${bytes}`), { code: 'LDAP_BAD_DN' }, bytes)
  }
  for (const text of ['cn=#', 'cn=#0', 'cn=#zz', 'cn=a;', 'cn=a"b', 'cn', '=a']) {
    t.throws(() => parseDn(text), { code: 'LDAP_BAD_DN' }, text)
  }
})
