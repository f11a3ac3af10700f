import t from 'tap'
import { type Answer, PASSWORD, PassThroughRig } from '../support/pass-through.ts'

/** What each of Microsoft's numbers must come to, whatever the code says of it. */
const TABLE: readonly (readonly [answer: Answer, reason: string, codes: readonly number[]])[] = [
  ['no', 'wrong-password', [50126, 50064]],
  ['no', 'source-unknown', [50034]],
  ['no', 'source-locked', [50053]],
  ['no', 'source-password-expired', [50055, 50144]],
  ['no', 'source-no-password', [50056]],
  ['no', 'source-disabled', [50057]],
  ['no', 'source-mfa-required', [50072, 50074, 50076, 50079, 50158]],
  [
    'no',
    'source-policy',
    [53000, 53001, 53002, 53003, 53004, 50131, 530002, 530003, 50097, 50129, 50155],
  ],
  ['no', 'source-not-assigned', [50105]],
  ['no', 'source-password-reset', [50125, 50135]],
  ['no', 'source-loop', [50196]],
  ['no', 'source-refused', [50999, 9002313]],
  ['unavailable', 'source-unavailable', [90033, 90055, 50033, 50087]],
  [
    'unavailable',
    'source-misconfigured',
    [65001, 700016, 700038, 90002, 500011, 7000215, 7000222, 7000218, 70003, 70002],
  ],
]

const rig = await PassThroughRig.start(t, { people: 90 })

await t.test('off by default: nothing is sent, and the password here is what counts', async (t) => {
  const person = rig.somebody()
  const before = await rig.sent()
  t.equal(await rig.bind(person, PASSWORD), 'no')
  t.equal((await rig.logged(person))?.reason, 'no-credential')
  t.equal(await rig.sent(), before)
  t.equal((await rig.source()).passThrough, null)
})

await t.test('the right password is let in, by LDAP and by RADIUS', async (t) => {
  t.match((await rig.turnOn()).passThrough, { groups: ['all-employees'] })
  t.equal(await rig.bind(rig.somebody(), PASSWORD), 'yes')
  t.equal(await rig.pap(rig.somebody(), PASSWORD), 'yes')
})

for (const [answer, reason, codes] of TABLE) {
  await t.test(`${reason}: ${codes.join(', ')}`, async (t) => {
    for (const code of codes) {
      await rig.turnOn()
      const person = rig.somebody({ denials: [code] })
      const name = String(code)
      t.equal(await rig.bind(person, PASSWORD), answer, name)
      const outcome = answer === 'no' ? 'denied' : 'unavailable'
      const logged = await rig.logged(person)
      t.match(
        logged,
        { outcome, reason, detail: { source: 'contoso', code: `AADSTS${code}` } },
        name,
      )
      t.notMatch(JSON.stringify(logged), PASSWORD)
    }
  })
}
