import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkMsChap2, makeNtResponse, withoutDomain } from '../../../../protocols/radius/index.ts'
import { spreadDesKey } from '../../../../protocols/radius/ms-chap.ts'
import { md4 } from '../../../../protocols/wire/index.ts'

const file = new URL('../../../vectors/radius/ms-chap.txt', import.meta.url)
const fields = new Map(
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ')).trim()]),
)
const textOf = (name: string): string => fields.get(name) ?? ''
const bytesOf = (name: string): Buffer => Buffer.from(textOf(name).replaceAll(' ', ''), 'hex')

const ntHash = bytesOf('nt-hash')
const response = {
  authenticatorChallenge: bytesOf('authenticator-challenge'),
  peerChallenge: bytesOf('peer-challenge'),
  userName: bytesOf('user'),
  ntResponse: bytesOf('nt-response'),
}

t.test('RFC 2759 §9.2: hash and response', async (t) => {
  t.same(md4(bytesOf('password')), ntHash)
  t.same(makeNtResponse(ntHash, response), response.ntResponse)
})

t.test('RFC 2759 §9.2, RFC 3079 §3.5.3: what a right response is owed', async (t) => {
  const result = checkMsChap2(ntHash, response)
  t.equal(result?.authenticatorResponse, textOf('authenticator-response'))
  t.same(result?.sendKey, bytesOf('send-key'))
  t.equal(result?.receiveKey.length, 16)
  t.notSame(result?.receiveKey, result?.sendKey)
})

t.test(
  'RFC 2759 §9.3: a DES key out of seven bytes, parity left to whoever wants it',
  async (t) => {
    const hash = md4(Buffer.from('MyPw', 'utf16le'))
    t.equal(hash.toString('hex'), 'fc156af7edcd6c0eddE3337d427f4eac'.toLowerCase())
    const withoutParity = [...spreadDesKey(hash.subarray(0, 7))].map((byte) => byte & 0xfe)
    const expected = [...Buffer.from('fd0b5b5e7f6e34d9', 'hex')].map((byte) => byte & 0xfe)
    t.same(withoutParity, expected)
  },
)

t.test('any changed part makes the response wrong', async (t) => {
  for (const part of [
    'authenticatorChallenge',
    'peerChallenge',
    'userName',
    'ntResponse',
  ] as const) {
    const changed = Buffer.from(response[part])
    changed.writeUInt8(changed.readUInt8(0) ^ 1, 0)
    t.equal(checkMsChap2(ntHash, { ...response, [part]: changed }), null, part)
  }
  t.equal(checkMsChap2(Buffer.alloc(16), response), null, 'another hash')
  const short = { ...response, ntResponse: response.ntResponse.subarray(0, 23) }
  t.equal(checkMsChap2(ntHash, short), null, 'a short one')
})

t.test('a domain before the name is no part of what is hashed', async (t) => {
  for (const name of ['CONTOSO\\User', 'User', 'a\\b\\User'])
    t.same(withoutDomain(Buffer.from(name)), Buffer.from('User'), name)
})
