import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import t from 'tap'
import { formBody, jsonBody } from '../../src/secret-body.ts'

const typed = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\u0000', '\u001f', '\u007f', '&', '%', '+', 'a') }),
  fc.constantFrom('', 'a&b=c+d%e f', '🦉é'),
)

await t.test('a JSON body holds what it was given', async (t) => {
  let escaped = 0
  fc.assert(
    fc.property(typed, (secret) => {
      const body = jsonBody('{"is":{"password":"', Buffer.from(secret), '"},"so":1}')
      if (body.includes('\\')) escaped += 1
      deepStrictEqual(JSON.parse(body.toString('utf8')), { is: { password: secret }, so: 1 })
    }),
  )
  t.ok(escaped > 0, 'what has to be escaped was among it')
})

await t.test('a form holds what it was given, and is what a browser would send', async (t) => {
  let escaped = 0
  fc.assert(
    fc.property(typed, (secret) => {
      const body = formBody('grant_type=password&password=', Buffer.from(secret), '&scope=a+b')
      if (body.includes('%')) escaped += 1
      const fields = new URLSearchParams(body.toString('latin1'))
      deepStrictEqual(
        [...fields],
        [
          ['grant_type', 'password'],
          ['password', secret],
          ['scope', 'a b'],
        ],
      )
    }),
  )
  t.ok(escaped > 0, 'what has to be escaped was among it')
})
