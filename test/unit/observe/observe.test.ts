import { Writable } from 'node:stream'
import t from 'tap'
import { Health } from '../../../src/observe/health.ts'
import { makeLog } from '../../../src/observe/log.ts'
import { Metrics } from '../../../src/observe/metrics.ts'
import { REDACTED, redact } from '../../../src/observe/redact.ts'

await t.test('log: a line is JSON with a level, a time, an event and its fields', async (t) => {
  const lines: string[] = []
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  })
  const log = makeLog({ level: 'info', destination })
  log.debug('not.written')
  log.child({ area: 'ldap' }).warn('ldap.closed', { reason: 'idle', password: 'hunter2' })
  t.equal(lines.length, 1)
  const line: unknown = JSON.parse(lines[0] ?? '')
  t.match(line, {
    level: 'warn',
    time: /^\d{4}-\d\d-\d\dT.*Z$/,
    event: 'ldap.closed',
    area: 'ldap',
    reason: 'idle',
    password: REDACTED,
  })
})

await t.test('log: what is named like a secret is struck out at any depth', async (t) => {
  const struck = [
    'password',
    'bindPassword',
    'clientSecret',
    'secrets',
    'sharedSecret',
    'accessToken',
    'deltaToken',
    'Authorization',
    'cookie',
    'privateKey',
    'private_key',
    'key',
    'verifier',
    'ntHash',
    'msk',
  ]
  for (const name of struck) {
    t.same(redact({ a: [{ [name]: 'hunter2' }] }), { a: [{ [name]: REDACTED }] }, name)
  }
  for (const name of ['username', 'keyId', 'credentialId', 'tokens', 'address']) {
    t.same(redact({ [name]: 'plain' }), { [name]: 'plain' }, name)
  }
  t.same(redact({ password: null }), { password: null }, 'absence is no secret')
})

await t.test('log: bytes, cycles, length and what errors carry are bounded', async (t) => {
  t.same(redact({ packet: Buffer.from('hunter2') }), { packet: '[7 bytes]' })
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  t.ok(JSON.stringify(redact(loop)).includes('[deeper]'))
  t.ok(JSON.stringify(redact({ text: 'x'.repeat(10_000) })).length < 2_200)
  t.equal((redact(Array.from({ length: 1_000 }, () => 1)) as unknown[]).length, 50)
  const error = Object.assign(new Error('refused', { cause: new Error('deep') }), {
    code: 'ECONNREFUSED',
    config: { headers: { authorization: 'Bearer hunter2' } },
  })
  const safe = redact({ error }) as { error: Record<string, unknown> }
  t.match(safe.error, { message: 'refused', code: 'ECONNREFUSED', cause: { message: 'deep' } })
  t.notOk(JSON.stringify(safe).includes('hunter2'))
})

await t.test(
  'health: ready is started, not stopping, and every deciding check a yes',
  async (t) => {
    const health = new Health()
    let isFresh = true
    health.register('directory', () => ({ ok: isFresh, detail: 'confirmed 3 s ago' }))
    health.register('source', () => ({ ok: false }), { decidesReady: false })
    health.addNote('embedded database: for evaluation and small sites')
    t.match(health.report(), { state: 'starting', ready: false })
    health.reportStarted()
    t.match(health.report(), {
      state: 'ready',
      ready: true,
      checks: { directory: { ok: true }, source: { ok: false } },
      notes: [/embedded/],
    })
    isFresh = false
    t.match(health.report(), { state: 'not-ready', ready: false })
    isFresh = true
    health.register('broken', () => {
      throw new Error('cannot tell')
    })
    t.match(health.report(), {
      ready: false,
      checks: { broken: { ok: false, detail: 'cannot tell' } },
    })
    health.reportStopping()
    health.reportStarted()
    t.equal(health.report().state, 'stopping', 'there is no way back')
  },
)

await t.test('metrics: each event moves the series a dashboard reads', async (t) => {
  const metrics = new Metrics({ withProcessMetrics: false })
  for (let i = 0; i < 20; i++) metrics.ldapAnswered('bindRequest', 49)
  metrics.ldapConnected()
  metrics.radiusAnswered('auth', 'accept')
  metrics.radiusUnknownClient()
  metrics.radiusWrongSecret()
  metrics.httpAnswered('scim', { method: 'GET', status: 200, tookMs: 2 })
  metrics.argon2Verified({ waitedMs: 3, tookMs: 21 })
  metrics.feedConfirmed(1_500)
  metrics.feedApplied(7, 42)
  metrics.syncRoundEnded('contoso', 'done', 900)
  metrics.syncChanged('contoso', 'added', 12)
  metrics.authEventsLost(2)
  metrics.faulted('ldap')
  metrics.watch('argon2_waiting', 'Verifications waiting', () => 5)
  metrics.authenticationAnswered({
    atMs: 0,
    outcome: 'denied',
    reason: 'held',
    resourceKind: 'network',
    resourceName: 'corp',
    method: 'radius-pap',
    principalId: null,
    name: 'adele',
    address: '192.0.2.1',
    device: null,
    detail: null,
  })
  const { body, contentType } = await metrics.render()
  t.match(contentType, /^text\/plain/)
  for (const line of [
    'gatehouse_ldap_operations_total{operation="bindRequest",result="49"} 20',
    'gatehouse_ldap_connections 1',
    'gatehouse_radius_requests_total{kind="auth",result="accept"} 1',
    'gatehouse_radius_dropped_total{reason="unknown-client"} 1',
    'gatehouse_radius_dropped_total{reason="wrong-secret"} 1',
    'gatehouse_http_requests_total{surface="scim",method="GET",status="200"} 1',
    'gatehouse_authentications_total{resource="network",outcome="denied",reason="held"} 1',
    'gatehouse_argon2_seconds_count 1',
    'gatehouse_argon2_waiting 5',
    'gatehouse_feed_lag_seconds 1.5',
    'gatehouse_feed_usn 42',
    'gatehouse_sync_rounds_total{source="contoso",result="done"} 1',
    'gatehouse_sync_changes_total{source="contoso",change="added"} 12',
    'gatehouse_auth_events_lost_total 2',
    'gatehouse_faults_total{area="ldap"} 1',
  ]) {
    t.ok(body.split('\n').includes(line), line)
  }
  t.notOk(body.includes('adele'), 'no person is a label')
})

await t.test('metrics: the process and its event loop are watched by default', async (t) => {
  const { body } = await new Metrics().render()
  t.match(body, /gatehouse_nodejs_eventloop_lag_p99_seconds/)
  t.match(body, /gatehouse_process_resident_memory_bytes/)
})
