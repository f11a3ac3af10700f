import t from 'tap'
import { DuplicateCache } from '../../../../protocols/radius/duplicate-cache.ts'

const authenticator = (n: number): Buffer => Buffer.alloc(16, n)

t.test('the cache forgets after a lifetime, and never holds more than its bound', async (t) => {
  const clock = { nowMs: 0 }
  const cache = new DuplicateCache(() => clock.nowMs, 100)
  for (let n = 0; n < 1_000; n += 1) cache.look(`source ${n}`, authenticator(1))
  t.equal(cache.size, 100)
  t.ok(cache.look('source 999', authenticator(1)).isDuplicate, 'the latest are kept')
  t.notOk(cache.look('source 10', authenticator(1)).isDuplicate)
  clock.nowMs = 10_000
  t.notOk(cache.look('new source', authenticator(1)).isDuplicate)
  t.equal(cache.size, 1)
})

t.test('forgetting an old request leaves the one that replaced it alone', async (t) => {
  const cache = new DuplicateCache(() => 0)
  const old = cache.look('source', authenticator(1)).seen
  const replaced = cache.look('source', authenticator(2)).seen
  old.reply = Buffer.from('late')
  cache.forget(old)
  const found = cache.look('source', authenticator(2))
  t.ok(found.isDuplicate)
  t.equal(found.seen, replaced)
  t.equal(found.seen.reply, null, 'a late reply to the old one is not the answer to the new')
})
