import t from 'tap'
import type { Change } from '../../../simulators/microsoft365/tenant/record.ts'
import {
  changeSignIn,
  describeSignIn,
  isPassword,
  NO_SIGN_IN,
} from '../../../simulators/microsoft365/tenant/sign-in-facts.ts'
import { foundTestTenant } from '../../support/microsoft365-tenant.ts'

await t.test('a person begins without a password, and gets one that is kept hashed', async (t) => {
  t.notOk(isPassword(NO_SIGN_IN, ''))
  const facts = changeSignIn(NO_SIGN_IN, { password: 'Spring 2026' })
  t.ok(isPassword(facts, 'Spring 2026'))
  t.notOk(isPassword(facts, 'spring 2026'))
  t.notOk(JSON.stringify(facts).includes('Spring'))
  t.notOk(isPassword(changeSignIn(facts, { password: null }), 'Spring 2026'))
  t.same(describeSignIn(facts), {
    hasPassword: true,
    mfa: 'none',
    mustChangePassword: false,
    passwordExpired: false,
    denials: [],
  })
})

await t.test('what is left out of a change stays, and nonsense changes nothing', async (t) => {
  const facts = changeSignIn(NO_SIGN_IN, { password: 'x', mfa: 'required', denials: [53003] })
  t.match(changeSignIn(facts, { passwordExpired: true }), {
    mfa: 'required',
    passwordExpired: true,
    denials: [53003],
  })
  for (const nonsense of [{ mfa: 'perhaps' }, { denials: ['53003'] }, { password: 7 }, { pin: 1 }])
    t.throws(() => changeSignIn(facts, nonsense as object), TypeError)
})

await t.test('the tenant tells of it as a change that another tenant can follow', async (t) => {
  const told: Change[] = []
  const tenant = foundTestTenant({ people: 15, groups: 0 })
  tenant.onChange((change) => told.push(change))
  const adele = tenant.findUser('adele.vance@contoso.example')?.id ?? ''
  tenant.setSignIn(adele, { password: 'secret word', mfa: 'required' })
  t.notOk(JSON.stringify(told).includes('secret word'))
  t.match(told, [{ op: 'setSignIn', id: adele, signIn: { mfa: 'required' } }])
  const other = foundTestTenant({ people: 15, groups: 0 })
  for (const change of told) if (change.op === 'setSignIn') other.setSignIn(adele, change.signIn)
  t.ok(isPassword(other.signInOf(adele), 'secret word'))
})
