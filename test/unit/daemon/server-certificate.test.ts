import t from 'tap'
import {
  issueServerCertificate,
  makeAuthority,
} from '../../../src/credentials/certificates/authority.ts'
import type { ServedCertificate } from '../../../src/credentials/certificates/server-certificate.ts'
import { readServerChain } from '../../../src/credentials/certificates/server-chain.ts'
import { CertificateWatch } from '../../../src/daemon/server-certificate.ts'
import { Health } from '../../../src/observe/health.ts'
import type { Log } from '../../../src/observe/log.ts'
import { Metrics } from '../../../src/observe/metrics.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const beganMs = Date.now()
const endMs = beganMs + 398 * DAY_MS
const authority = await makeAuthority('Contoso', beganMs)
const pair = await issueServerCertificate(authority, {
  names: ['radius.contoso.example'],
  nowMs: beganMs,
})

function watch() {
  const clock = { nowMs: beganMs }
  const said: { event: string; fields: Record<string, unknown> }[] = []
  const tell = (event: string, fields: Record<string, unknown> = {}) => {
    said.push({ event, fields })
  }
  const log = { warn: tell, error: tell, info: tell, debug: tell } as unknown as Log
  const health = new Health()
  const metrics = new Metrics({ withProcessMetrics: false })
  const certificate = {
    served: pair as unknown as ServedCertificate,
    chain: readServerChain(pair),
    refusal: null as string | null,
  }
  const made = new CertificateWatch({
    ...{ log, health, metrics, certificate, files: null },
    ...{ uses: ['eap'], nowMs: () => clock.nowMs },
  })
  const check = () => health.report().checks['server certificate']
  return { made, clock, said, metrics, certificate, check }
}

t.test('the log is told once a day from 30 days before the end', async (t) => {
  const { made, clock, said } = watch()
  made.tellFindings()
  for (clock.nowMs = endMs - 33 * DAY_MS; clock.nowMs < endMs + DAY_MS; clock.nowMs += HOUR_MS)
    made.look()
  t.equal(said.length, 31)
  t.match(said[0], {
    event: 'certificate.ends-soon',
    fields: { daysLeft: 29, file: null, said: /replace it before$/ },
  })
  t.match(said.at(-1), { fields: { said: /expired on/ } })
  made.tellFindings()
  t.equal(said.length, 32, 'of another certificate that is over it is told at once')
})

t.test('health goes from good over advice to not ok, and never decides readiness', async (t) => {
  const { clock, certificate, check } = watch()
  const at = (daysLeft: number) => {
    clock.nowMs = endMs - daysLeft * DAY_MS
    return check()
  }
  t.match(at(31), { ok: true, detail: /^good until \d{4}-\d\d-\d\d$/ })
  t.match(at(29), { ok: true, detail: /: gatehouse certificate server$/ })
  t.match(at(13), { ok: false, detail: /^good until/ })
  t.match(at(-1), { ok: false, detail: /^expired on/ })
  certificate.refusal = '/etc/secret-place/server.pem: no'
  t.match(at(31), { ok: false, detail: /good until .*; what is to replace it is refused/ })
  t.notMatch(check()?.detail, /secret-place/)
})

t.test('the metric counts down, and below nothing after the end', async (t) => {
  const { clock, metrics } = watch()
  const seconds = async () => {
    const { body } = await metrics.render()
    return Number(/expiry_seconds\{use="eap"\} (\S+)/.exec(body)?.[1])
  }
  const before = await seconds()
  clock.nowMs += 400 * DAY_MS
  t.ok(Math.abs(before - 398 * 86_400) < 2, `${before}`)
  t.ok(Math.abs((await seconds()) + 2 * 86_400) < 2)
})
