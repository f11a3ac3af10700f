import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  issueServerCertificate,
  type KeyedCertificate,
  makeAuthority,
} from '../../../src/credentials/certificates/authority.ts'
import {
  ServerCertificate,
  type ServerCertificateOptions,
} from '../../../src/credentials/certificates/server-certificate.ts'

const DAY_MS = 86_400_000
const names = ['radius.contoso.example']
const authority = await makeAuthority('Contoso', Date.now())
const issue = () => issueServerCertificate(authority, { names, nowMs: Date.now() })

/** A certificate that is looked at all the time; `told` resolves with what comes next. */
function serve(t: Test, options: Partial<ServerCertificateOptions>) {
  const events: string[] = []
  let wake: () => void = () => undefined
  const note = (event: string) => {
    events.push(event)
    wake()
  }
  const certificate = new ServerCertificate({
    files: null,
    names,
    organization: null,
    store: {
      async ensure(_purpose, isGood, make) {
        const stored = held.get(_purpose)
        if (stored !== undefined && isGood(stored)) return stored
        const made = await make()
        held.set(_purpose, made)
        return made
      },
    },
    onReplaced: () => note('replaced'),
    onFault: (error) => note(String(error)),
    lookMs: 5,
    ...options,
  })
  const held = new Map<string, KeyedCertificate>()
  // Its own timer keeps no process alive.
  const awake = setInterval(() => undefined, 60_000)
  t.teardown(async () => {
    clearInterval(awake)
    await certificate.stop()
  })
  const told = async (count: number) => {
    while (events.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    return events
  }
  return { certificate, told, events }
}

function filesIn(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-certificate-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const files = { certFile: join(folder, 'a.pem'), keyFile: join(folder, 'a.key') }
  const put = ({ certificate, privateKey }: KeyedCertificate) => {
    writeFileSync(files.certFile, certificate)
    writeFileSync(files.keyFile, privateKey)
  }
  return { files, put }
}

t.test('the built-in CA gives a successor 60 days before the end', async (t) => {
  const clock = { nowMs: Date.now() }
  const { certificate, told, events } = serve(t, { nowMs: () => clock.nowMs })
  await certificate.start()
  const before = certificate.chain.fingerprint
  clock.nowMs += 337 * DAY_MS
  t.same(events, [])
  clock.nowMs += 2 * DAY_MS
  t.same(await told(1), ['replaced'])
  t.not(certificate.chain.fingerprint, before)
})

t.test('a fault is told once, while it lasts, and over when there are good files', async (t) => {
  const { files, put } = filesIn(t)
  const first = await issue()
  put(first)
  const { certificate, told } = serve(t, { files })
  await certificate.start()
  const before = certificate.chain.fingerprint
  writeFileSync(files.keyFile, 'half a k')
  const [fault] = await told(1)
  t.match(fault, /private key in PEM/)
  t.match(certificate.refusal, /private key in PEM/)
  writeFileSync(files.keyFile, 'x'.repeat(300_000))
  t.match((await told(2))[1], /larger than/, 'next comes another fault, not the same again')
  t.equal(certificate.chain.fingerprint, before)

  put(await issue())
  t.equal((await told(3))[2], 'replaced')
  t.not(certificate.chain.fingerprint, before)
})

t.test('a start with files that TLS cannot be spoken with fails, and says why', async (t) => {
  const { files, put } = filesIn(t)
  const { certificate: pem } = await issue()
  put({ certificate: pem, privateKey: (await issue()).privateKey })
  await t.rejects(serve(t, { files }).certificate.start(), /a\.pem with .*does not belong/)
  rmSync(files.certFile)
  await t.rejects(serve(t, { files }).certificate.start(), /a\.pem cannot be read: ENOENT/)
})

t.test('a start with an expired one serves it', async (t) => {
  const { files, put } = filesIn(t)
  put(await issue())
  const nowMs = () => Date.now() + 500 * DAY_MS
  const { certificate } = serve(t, { files, nowMs })
  await certificate.start()
  t.same(certificate.served.names, names)
})
