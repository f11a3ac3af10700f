import { createHash, createHmac } from 'node:crypto'
import t from 'tap'
import { HmacMd5, md5 } from '../../../../protocols/radius/md5.ts'

const message = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, at) => (at * 131 + length) & 0xff))

t.test('MD5: the digests of RFC 1321 A.5', async (t) => {
  for (const [text, digest] of [
    ['', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['abc', '900150983cd24fb0d6963f7d28e17f72'],
    ['message digest', 'f96b697d7cb7938d525a2f31aaf161d0'],
  ] as const) {
    t.equal(md5(Buffer.from(text)).toString('hex'), digest)
  }
})

t.test('MD5: of every length the same as of OpenSSL, in one part or in several', async (t) => {
  const wrong = Array.from({ length: 600 }, (_, length) => length).filter((length) => {
    const whole = message(length)
    const expected = createHash('md5').update(whole).digest()
    const cut = length >> 1
    const inParts = md5(whole.subarray(0, cut), whole.subarray(cut))
    return !md5(whole).equals(expected) || !inParts.equals(expected)
  })
  t.same(wrong, [])
})

t.test('MD5: a message longer than any packet, and a short one after it', async (t) => {
  const long = message(20_000)
  t.ok(md5(long).equals(createHash('md5').update(long).digest()))
  t.ok(md5(message(1)).equals(createHash('md5').update(message(1)).digest()))
})

t.test('HMAC-MD5: RFC 2104, with keys up to the block and beyond it', async (t) => {
  const wrong = [0, 1, 16, 63, 64, 65, 200].flatMap((keyLength) => {
    const key = message(keyLength)
    const hmac = new HmacMd5(key)
    return [0, 1, 20, 55, 56, 64, 130, 4_096]
      .filter((length) => {
        const expected = createHmac('md5', key).update(message(length)).digest()
        return !hmac.digest(message(length)).equals(expected)
      })
      .map((length) => [keyLength, length])
  })
  t.same(wrong, [])
})
