import t from 'tap'
import { canonicalCidr, isSameBlock } from '../../../src/admin/cidr.ts'

t.test('CIDR: what an admin may write for the addresses of a NAS', async (t) => {
  const good: [string, string][] = [
    ['10.1.2.3', '10.1.2.3/32'],
    ['10.20.0.0/16', '10.20.0.0/16'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['2001:db8::/32', '2001:db8::/32'],
    ['::/0', '::/0'],
    ['::ffff:10.20.0.0/112', '10.20.0.0/16'],
    ['::ffff:a14:1', '10.20.0.1/32'],
  ]
  for (const [given, expected] of good) t.equal(canonicalCidr(given), expected)
  for (const given of [
    '',
    'host',
    '10.1.2',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::/129',
    '10.0.0.0/-1',
  ]) {
    t.throws(() => canonicalCidr(given), /is no address/, given)
  }
  for (const given of ['10.20.1.0/16', '2001:db8::1/32', '::ffff:10.0.0.1/96']) {
    t.throws(() => canonicalCidr(given), /bits set beyond/, given)
  }
})

t.test('CIDR: one block however it is written', async (t) => {
  t.ok(isSameBlock('2001:db8::/32', '2001:0DB8:0:0::/32'))
  t.ok(isSameBlock('10.0.0.0/8', '10.0.0.0/8'))
  t.notOk(isSameBlock('10.0.0.0/8', '10.0.0.0/9'))
  t.notOk(isSameBlock('10.0.0.0/8', '11.0.0.0/8'))
  t.notOk(isSameBlock('0.0.0.0/0', '::/0'))
})
