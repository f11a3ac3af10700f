import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { StorageError } from '../../../src/storage/fault.ts'
import { formatKeys, makeKey, openKeys, parseKeys } from '../../../src/storage/master-key.ts'
import { type Keys, seal, unseal } from '../../../src/storage/sealing.ts'
import { eachEngine } from '../../support/database.ts'

const keys: Keys = { current: makeKey(), earlier: [] }
const place = { table: 'nas', column: 'secrets', row: '1' }

await t.test('a sealed value opens in its own place and nowhere else', async (t) => {
  const sealed = seal(keys, place, Buffer.from('testing123'))
  t.equal(unseal(keys, place, sealed).toString(), 'testing123')
  t.notOk(sealed.includes('testing123'))
  for (const elsewhere of [
    { ...place, row: '2' },
    { ...place, column: 'other' },
    { table: 'nassecrets', column: '', row: '1' },
  ]) {
    t.throws(() => unseal(keys, elsewhere, sealed), {
      code: 'STORAGE_KEY',
      message: /altered or moved/,
    })
  }
})

await t.test('a single changed octet is noticed, whichever it is', async (t) => {
  const sealed = seal(keys, place, Buffer.from('x'))
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    t.throws(() => unseal(keys, place, changed), StorageError)
  }
  t.throws(() => unseal(keys, place, sealed.subarray(0, 20)), /no sealed value/)
})

await t.test(
  'after a rotation old values open with the earlier key and new ones use the new',
  async (t) => {
    const old = seal(keys, place, Buffer.from('old'))
    const rotated: Keys = { current: makeKey(), earlier: [keys.current] }
    t.equal(unseal(rotated, place, old).toString(), 'old')
    const fresh = seal(rotated, place, Buffer.from('new'))
    t.equal(unseal({ ...rotated, earlier: [] }, place, fresh).toString(), 'new')
    t.throws(() => unseal({ current: makeKey(), earlier: [] }, place, old), /does not have/)
    t.same(parseKeys(formatKeys(rotated), 'f'), rotated)
  },
)

await t.test('a key file with a line that is no key is refused', async (t) => {
  t.throws(() => parseKeys('', 'key'), /is empty/)
  t.throws(() => parseKeys('gatehouse-key-1:AAAA\n', 'key'), /no key/)
  t.throws(() => parseKeys(`${randomBytes(32).toString('base64')}\n`, 'key'), /no key/)
})

await eachEngine(
  t,
  'the key is made once, for an empty database, and asked for ever after',
  async (t, database) => {
    const directory = t.testdir({})
    const path = join(directory, 'keys', 'master.key')
    const made = await openKeys(database, path)
    t.equal(statSync(path).mode & 0o777, 0o600)
    t.same(await openKeys(database, path), made)

    const missing = join(directory, 'absent.key')
    await t.rejects(openKeys(database, missing), {
      code: 'STORAGE_KEY',
      message: /is missing.*Put the file back/,
    })
    t.equal(existsSync(missing), false)

    const foreign = join(directory, 'foreign.key')
    writeFileSync(foreign, formatKeys({ current: makeKey(), earlier: [] }), { mode: 0o600 })
    await t.rejects(openKeys(database, foreign), {
      code: 'STORAGE_KEY',
      message: /belongs to another database/,
    })

    chmodSync(path, 0o640)
    await t.rejects(openKeys(database, path), { code: 'STORAGE_KEY', message: /chmod 600/ })
    chmodSync(path, 0o600)

    const rotated = { current: makeKey(), earlier: [made.current] }
    writeFileSync(path, formatKeys(rotated))
    t.same(await openKeys(database, path), rotated)
    writeFileSync(path, formatKeys(made))
    await t.rejects(openKeys(database, path), /belongs to another database/)
    t.match(readFileSync(path, 'utf8'), /^gatehouse-key-1:/)
  },
)

await eachEngine(
  t,
  'a database with a directory but without a known key gets no new one',
  async (t, database) => {
    await database.kysely
      .insertInto('principal')
      .values({ id: '00000000-0000-4000-8000-000000000001', kind: 'person', lifecycle: 'active' })
      .execute()
    const path = join(t.testdir({}), 'key')
    await t.rejects(openKeys(database, path), { code: 'STORAGE_KEY', message: /restored in part/ })
    t.equal(existsSync(path), false)
  },
)
