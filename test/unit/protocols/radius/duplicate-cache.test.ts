import t from 'tap'
import { DuplicateCache, type RequestSource } from '../../../../protocols/radius/duplicate-cache.ts'

const source = (n: number): RequestSource => ({
  label: 'auth',
  address: `192.0.2.${n >> 8}`,
  port: 1_000,
  identifier: n & 0xff,
})
const authenticator = (n: number): Buffer => Buffer.alloc(16, n)

t.test('the cache forgets after a lifetime, and never holds more than its bound', async (t) => {
  const clock = { nowMs: 0 }
  const cache = new DuplicateCache(() => clock.nowMs, 100)
  for (let n = 0; n < 1_000; n += 1) cache.look(source(n), authenticator(1))
  t.equal(cache.size, 100)
  t.ok(cache.look(source(999), authenticator(1)).isDuplicate, 'the latest are kept')
  t.notOk(cache.look(source(10), authenticator(1)).isDuplicate)
  clock.nowMs = 10_000
  t.notOk(cache.look(source(1_000), authenticator(1)).isDuplicate)
  t.equal(cache.size, 1)
})

t.test('forgetting an old request leaves the one that replaced it alone', async (t) => {
  const cache = new DuplicateCache(() => 0)
  const old = cache.look(source(1), authenticator(1)).seen
  const replaced = cache.look(source(1), authenticator(2)).seen
  old.reply = Buffer.from('late')
  cache.forget(old)
  const found = cache.look(source(1), authenticator(2))
  t.ok(found.isDuplicate)
  t.equal(found.seen, replaced)
  t.equal(found.seen.reply, null, 'a late reply to the old one is not the answer to the new')
})

t.test('sources differ by socket, address, port and identifier', async (t) => {
  const cache = new DuplicateCache(() => 0)
  const one = source(1)
  cache.look(one, authenticator(1))
  for (const other of [
    { ...one, label: 'acct' },
    { ...one, address: '2001:db8::1' },
    { ...one, port: 65_535 },
    { ...one, identifier: 0 },
  ]) {
    t.notOk(cache.look(other, authenticator(1)).isDuplicate)
    t.ok(cache.look({ ...other }, authenticator(1)).isDuplicate)
  }
  t.ok(cache.look({ ...one }, authenticator(1)).isDuplicate)
})

t.test(
  'more sources than it has numbers for make it begin anew, not mistake one for another',
  async (t) => {
    const cache = new DuplicateCache(() => 0)
    const from = (n: number) => ({ ...source(1), address: `10.${n >> 16}.${n >> 8}.${n & 0xff}` })
    for (let n = 0; n <= 65_536; n += 1) cache.look(from(n), authenticator(1))
    t.equal(cache.size, 1)
    t.ok(cache.look(from(65_536), authenticator(1)).isDuplicate)
  },
)
