import t from 'tap'
import { expiryStep } from '../../../src/sources/microsoft365/credential.ts'
import { missingPermissions, tierStates } from '../../../src/sources/microsoft365/permissions.ts'

const DAY_MS = 86_400_000
const now = Date.UTC(2026, 5, 1)

await t.test('an end is told from thirty days on, louder from seven, and when it has come', (t) => {
  const step = (kind: 'certificate' | 'secret', days: number) =>
    expiryStep('contoso', { kind, expiresAtMs: now + days * DAY_MS }, now)
  t.equal(step('secret', 31), null)
  t.match(step('secret', 30), /^the secret expires in 30 days: .*set-secret contoso --secret-file/)
  t.match(
    step('certificate', 6),
    /expires in 6 days, and nothing is read after that: .*--private-key/,
  )
  t.match(step('certificate', 1), /expires in 1 day, /)
  t.match(step('certificate', 0.5), /expires within a day, /)
  t.match(step('secret', 0), /^the secret has expired: /)
  t.equal(expiryStep('contoso', { kind: 'secret', expiresAtMs: null }, now), null)
  t.end()
})

await t.test('a permission that is missing costs its tier, and says what', (t) => {
  const states = tierStates({ tier: 'disable', extras: [] }, [
    'User.Read.All',
    'GroupMember.Read.All',
    'User.EnableDisableAccount.All',
  ])
  t.match(states, [
    { tier: 'read', isOn: true, missing: [] },
    {
      tier: 'disable',
      isOn: true,
      granted: ['User.EnableDisableAccount.All'],
      missing: [{ permission: 'User.RevokeSessions.All', cost: /stays signed in/ }],
    },
    { tier: 'write-back', isOn: false, missing: [{ permission: 'User.ReadWrite.All' }] },
  ])
  t.end()
})

await t.test('wider permissions include narrower ones, and no others', (t) => {
  t.same(missingPermissions('read', ['Directory.Read.All']), [])
  t.same(missingPermissions('disable', ['User.ReadWrite.All']), ['GroupMember.Read.All'])
  t.same(missingPermissions('write-back', ['Directory.ReadWrite.All']), [])
  t.same(missingPermissions('disable', ['Directory.Read.All']), [
    'User.EnableDisableAccount.All',
    'User.RevokeSessions.All',
  ])
  t.end()
})
