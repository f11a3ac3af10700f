import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { registrationSteps, TOOLS } from '../../../src/sources/microsoft365/steps.ts'
import { readTokenFile } from '../../../src/sources/microsoft365/token-file.ts'
import { CLUSTER_CLAIMS, ForeignIssuer } from '../../support/foreign-issuer.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-token-'))
const issuer = new ForeignIssuer()

function fileWith(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const read = (path: string | null) => readTokenFile({ name: 'cluster', path }, Date.now())

await t.test('a token is read with what it says of itself, through links as well', async (t) => {
  const token = issuer.issue()
  const path = fileWith('good', `${token}\n`)
  symlinkSync(path, join(folder, 'link'))
  for (const each of [path, join(folder, 'link')])
    t.same(await read(each), {
      token,
      claims: {
        issuer: CLUSTER_CLAIMS.iss,
        subject: CLUSTER_CLAIMS.sub,
        audience: CLUSTER_CLAIMS.aud[0],
      },
    })
})

await t.test('whatever is no good token is refused with file, fault and mend', async (t) => {
  mkdirSync(join(folder, 'folder'))
  execFileSync('mkfifo', [join(folder, 'pipe')])
  const rows: readonly (readonly [string | null, RegExp])[] = [
    [null, /no token file cluster: add `cluster=\/path\/to\/token` to federated_tokens/],
    [join(folder, 'none'), /cluster \(.*none\) does not exist: mount it there/],
    [join(folder, 'folder'), /is no regular file/],
    [join(folder, 'pipe'), /is no regular file/],
    [fileWith('large', 'a'.repeat(16 * 1024 + 1)), /is larger than 16384 bytes/],
    [fileWith('empty', ''), /holds no JWT/],
    [fileWith('key', '-----BEGIN PRIVATE KEY-----\nMII\n'), /holds no JWT/],
    [fileWith('two', `${issuer.issue()}\n${issuer.issue()}`), /holds no JWT/],
    [fileWith('list', `e30.${Buffer.from('[1]').toString('base64url')}.AA`), /holds no JWT/],
    [fileWith('old', issuer.issue({ exp: 1_700_000_000 })), /expired at 2023-11-14T.*kubelet/],
  ]
  for (const [path, message] of rows)
    await t.rejects(read(path), { code: 'SOURCE_REFUSED', message }, `${path}`)
})

await t.test('a file that may not be read says whose right is missing', async (t) => {
  const path = fileWith('locked', issuer.issue())
  chmodSync(path, 0)
  if (process.getuid?.() === 0) t.pass('root reads everything')
  else await t.rejects(read(path), { message: /may not be read by the daemon’s account/ })
})

await t.test('no message repeats the token, and nothing in it steers a terminal', async (t) => {
  const secret = issuer.issue({ exp: 1 })
  const error = await read(fileWith('secret', secret)).catch((caught: Error) => caught)
  t.notOk(String(error).includes(secret.slice(-40)))
  const { claims } = await read(fileWith('odd', issuer.issue({ sub: 'a\u001b[31m\u202eb' })))
  t.equal(claims.subject, 'a [31m b')
})

await t.test('each tool is told issuer, subject and audience, and no key is made', async (t) => {
  const { iss, sub, aud } = CLUSTER_CLAIMS
  const federated = { file: 'cluster', issuer: iss, subject: sub, audience: aud[0] }
  for (const tool of TOOLS) {
    const steps = registrationSteps(tool, 'read', { extras: [], signInReturn: null, federated })
    for (const part of [iss, sub, aud[0]]) t.ok(steps.split(part).length > 2, `${tool} ${part}`)
    t.match(steps, /--federated cluster/)
    t.notMatch(steps, /openssl|gatehouse\.pem/, tool)
  }
})

await t.test('what would end a text or begin a command is not put into one', async (t) => {
  for (const subject of ["a'; rm -rf ~; '", 'a"', '$(id)', '`id`', 'a\\', '%{if}', ''])
    t.throws(
      () =>
        registrationSteps('az', 'read', {
          extras: [],
          signInReturn: null,
          federated: { file: 'cluster', issuer: 'https://i', subject, audience: 'a' },
        }),
      { code: 'SOURCE_REFUSED', message: /subject .*by hand/ },
    )
})
