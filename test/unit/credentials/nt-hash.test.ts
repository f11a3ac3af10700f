import t from 'tap'
import { md4 } from '../../../protocols/wire/index.ts'
import { ntHash } from '../../../src/credentials/nt-hash.ts'

const DIGITS = '12345678901234567890123456789012345678901234567890123456789012345678901234567890'

await t.test('MD4: the test suite of RFC 1320 A.5', async (t) => {
  const suite = [
    ['', '31d6cfe0d16ae931b73c59d7e0c089c0'],
    ['a', 'bde52cb31de33e46245e05fbdbd6fb24'],
    ['abc', 'a448017aaf21d8525fc10ae87aa6729d'],
    ['message digest', 'd9130a8164549fe818874806e1c7014b'],
    ['abcdefghijklmnopqrstuvwxyz', 'd79e1c308aa5bbcdeea8ed63df412da9'],
    [
      'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
      '043f8582f241db351ce627e153e7f0e4',
    ],
    [DIGITS, 'e33b4ddc9c38f2199c3e7b164fcc0536'],
  ] as const
  for (const [message, digest] of suite) t.equal(md4(Buffer.from(message)).toString('hex'), digest)
})

await t.test('NT hash: RFC 2759 §9.2, and what is left of the password', async (t) => {
  const password = Buffer.from('clientPass')
  t.equal(ntHash(password).toString('hex'), '44ebba8d5312b8d611474411f56989ae')
  t.equal(password.toString(), 'clientPass', "the caller's is the caller's to wipe")
})
