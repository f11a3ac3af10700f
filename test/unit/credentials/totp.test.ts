import t from 'tap'
import {
  findTotpStep,
  makeTotpSecret,
  totpAddress,
  writeTotpSecret,
} from '../../../src/credentials/totp.ts'

const STEP_MS = 30_000
/** RFC 6238 appendix B, the last six of its eight digits. */
const SECRET = Buffer.from('12345678901234567890')
const VECTORS = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
] as const

t.test('codes are those of RFC 6238, for one step either way', async (t) => {
  for (const [seconds, code] of VECTORS) {
    const nowMs = seconds * 1_000
    const step = Math.floor(seconds / 30)
    t.equal(findTotpStep(SECRET, code, nowMs), step)
    t.equal(findTotpStep(SECRET, code, nowMs + STEP_MS), step, 'of the step before')
    t.equal(findTotpStep(SECRET, code, nowMs - STEP_MS), step, 'of the step after')
    t.equal(findTotpStep(SECRET, code, nowMs + 2 * STEP_MS), null, 'too old')
    t.equal(findTotpStep(SECRET, code, nowMs - 2 * STEP_MS), null, 'too early')
  }
  t.equal(SECRET.toString(), '12345678901234567890', 'what is lent is not wiped')
})

t.test('what is no code is none', async (t) => {
  for (const typed of ['', '28708', '2870822', '28708a', '287 82', '+87082', '２８７０８２'])
    t.equal(findTotpStep(SECRET, typed, 59_000), null, typed)
})

t.test('a key is 160 random bits, and an address that apps can read', async (t) => {
  const secret = makeTotpSecret()
  t.equal(secret.length, 20)
  t.notSame(secret, makeTotpSecret())
  t.match(writeTotpSecret(secret), /^[A-Z2-7]{32}$/)
  const names = { issuer: 'Contoso & Söhne', username: 'adele.vance' }
  const address = new URL(totpAddress(secret, names))
  t.equal(address.protocol, 'otpauth:')
  t.equal(address.host, 'totp')
  t.equal(decodeURIComponent(address.pathname), '/Contoso & Söhne:adele.vance')
  t.match(Object.fromEntries(address.searchParams), {
    issuer: 'Contoso & Söhne',
    secret: writeTotpSecret(secret),
    algorithm: 'SHA1',
    digits: '6',
    period: '30',
  })
})
