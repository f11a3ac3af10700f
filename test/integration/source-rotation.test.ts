import { X509Certificate } from 'node:crypto'
import t, { type Test } from 'tap'
import { GraphCalls } from '../../src/sources/microsoft365/calls.ts'
import { formatSecret, parseConfig } from '../../src/sources/microsoft365/settings.ts'
import { readSecretOf } from '../../src/sources/microsoft365/stored-secret.ts'
import { CertificateRotation } from '../../src/sources/rotation.ts'
import { PostgresSourceRegistry } from '../../src/storage/sync-sources.ts'
import { testDatabase } from '../support/database.ts'
import { callsSeen } from '../support/graph-calls.ts'
import { Microsoft365Bench } from '../support/microsoft365.ts'
import { makeClientCertificate } from '../support/microsoft365-certificate.ts'
import { KEYS, TESTER } from '../support/sync.ts'

const DAY_MS = 86_400_000

/** A source whose admin has put its certificate into the registration herself. */
async function rig(t: Test) {
  const bench = await Microsoft365Bench.startFor(t, { people: 20 })
  const { simulator } = bench
  const { tenantId, clientId, loginUrl, graphUrl, caPem } = simulator
  const application = simulator.applications.find(clientId)
  if (application === null) throw new Error('the simulator has no application')
  const { certificatePem: certificate, keyPem: privateKey } = await makeClientCertificate()
  application.addCertificate(certificate)
  const db = await testDatabase(t)
  const registry = new PostgresSourceRegistry({ db, keys: KEYS })
  const id = await registry.connect(
    {
      kind: 'microsoft365',
      name: 'contoso',
      config: parseConfig({ tenantId, clientId, loginUrl, graphUrl, certificate, ca: caPem }),
      secret: formatSecret({ clientSecret: null, privateKey }),
      identity: { tenantId, organization: 'Contoso', defaultDomain: 'contoso.example' },
      state: 'active',
    },
    TESTER,
  )
  const stored = async () => {
    const source = await registry.find(id)
    if (source === null) throw new Error('the source is gone')
    const config = parseConfig(source.config)
    return { source, config, secret: await readSecretOf(registry, source) }
  }
  const rotation = (patienceMs = 20_000) => new CertificateRotation({ registry, patienceMs })
  const rotate = (applicationId: string | null = null, by = rotation()) =>
    by.rotate('contoso', { applicationId, actor: TESTER, signal: AbortSignal.timeout(60_000) })
  return {
    ...{ bench, simulator, application, registry, stored, rotation, rotate, certificate },
    /** Thumbprints in the registration. */
    known: () => [...application.certificates.keys()],
    async signsIn() {
      return (await new GraphCalls(await stored()).grantedPermissions()).length > 0
    },
    addKeys: () =>
      callsSeen(simulator).filter(({ template }) => template === '/applications/{id}/addkey')
        .length,
  }
}

await t.test('an application puts another certificate in the place of its own', async (t) => {
  const { application, known, rotate, signsIn, stored, certificate } = await rig(t)
  await t.rejects(rotate(), {
    code: 'DIRECTORY_REFUSED',
    message: /"Object ID".*--application-object-id/,
  })
  await t.rejects(rotate(application.clientId), {
    code: 'SOURCE_REFUSED',
    message: /404 .*no app registration with this object id/,
  })
  t.equal((await stored()).config.certificate, certificate, 'nothing has changed')
  const first = await rotate(application.objectId)
  t.match(first, { kind: 'rotated', old: 'left' }, 'its id there was never known')
  t.ok(await signsIn())
  const { config, secret } = await stored()
  t.equal(config.nextCertificate, null)
  t.notOk(secret.nextPrivateKey)
  t.ok(
    Date.parse(new X509Certificate(config.certificate ?? '').validTo) > Date.now() + 390 * DAY_MS,
  )
  t.equal(known().length, 2)
  const second = await rotate()
  t.match(second, { kind: 'rotated', old: 'removed' })
  t.ok(await signsIn())
  t.equal(known().length, 2, "the admin's own, which is hers to remove, and the newest")
})

await t.test('what is in use stays so until the login service takes the new one', async (t) => {
  const { bench, application, rotate, rotation, signsIn, stored, addKeys, certificate } =
    await rig(t)
  await bench.control('PATCH', '/settings', { newApplicationLagMs: 4_000 })
  const waiting = await rotate(application.objectId, rotation(0))
  t.match(waiting, { kind: 'waiting', why: /AADSTS700027/ })
  t.equal((await stored()).config.certificate, certificate)
  t.ok(await signsIn())
  t.match(await rotate(), { kind: 'rotated' })
  t.equal(addKeys(), 1, 'it was uploaded once')
  t.ok(await signsIn())
})

await t.test('an answer that was lost, and a crash after it, upload nothing twice', async (t) => {
  const { bench, application, rotate, signsIn, addKeys, known } = await rig(t)
  const lost = { fault: 'status', status: 504, method: 'POST', times: 1, isAfterWork: true }
  await bench.control('POST', '/faults', lost)
  await t.rejects(rotate(application.objectId), { name: 'SourceError' })
  t.ok(await signsIn(), 'with the old one')
  t.match(await rotate(), { kind: 'rotated' })
  t.equal(addKeys(), 1)
  t.equal(known().length, 2)
  t.ok(await signsIn())
})

await t.test('the leader does it a month before the end, where it can', async (t) => {
  const { application, registry, rotate, rotation, signsIn, stored, certificate, known } =
    await rig(t)
  const told: unknown[] = []
  const due = () =>
    rotation().rotateDue(AbortSignal.timeout(60_000), (...said) => {
      told.push(said)
    })
  await due()
  t.same(told, [], 'the registration is not known, though the certificate ends within the hour')
  const { source } = await stored()
  const change = { startsPushing: false, decision: 'source.tier-changed', detail: {} } as const
  const { objectId } = application
  await registry.configure(source.id, { ...change, config: { applicationId: objectId } }, TESTER)
  await due()
  t.match(told, [['contoso', { kind: 'rotated', old: 'left' }]])
  t.not((await stored()).config.certificate, certificate)
  t.ok(await signsIn())
  await due()
  t.equal(told.length, 1, 'the new one is good for a year')
  await registry.configure(source.id, { ...change, config: { applicationId: source.id } }, TESTER)
  await t.rejects(rotate(), { code: 'SOURCE_REFUSED' })
  await due()
  t.match(
    told[1],
    ['contoso', { code: 'SOURCE_REFUSED' }],
    'one begun is gone on with, and told of',
  )
  t.equal(known().length, 2)
})

await t.test('a source with a secret is told how to get a certificate', async (t) => {
  const { registry, rotate, stored } = await rig(t)
  const { source } = await stored()
  const secret = formatSecret({ clientSecret: 'one', privateKey: null })
  await registry.replaceSecret(source.id, { config: { certificate: null }, secret }, TESTER)
  await t.rejects(rotate(), {
    code: 'DIRECTORY_REFUSED',
    message: /set-secret contoso --certificate/,
  })
})
