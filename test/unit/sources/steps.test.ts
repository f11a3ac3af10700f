import t from 'tap'
import { PERMISSIONS, TIERS } from '../../../src/sources/microsoft365/settings.ts'
import { permissionsOf, registrationSteps, TOOLS } from '../../../src/sources/microsoft365/steps.ts'

const BACK = 'https://id.contoso.example/account/microsoft/callback'
const everything = Object.values(PERMISSIONS).flat()

await t.test('each tool is told exactly the permissions of the tier', async (t) => {
  for (const tool of TOOLS) {
    for (const tier of TIERS) {
      const steps = registrationSteps(tool, tier, {
        extras: [],
        signInReturn: BACK,
        federated: null,
      })
      const named = everything.filter((name) => new RegExp(`\\b${name}\\b`).test(steps))
      t.same(named, permissionsOf(tier), `${tool} for ${tier}`)
      t.equal(steps.includes(`set-tier microsoft365 ${tier}`), tier !== 'read')
      t.ok(steps.includes(BACK), 'character for character')
      t.match(steps, /auth_time/)
      t.match(steps, /\bopenid\b.*\bprofile\b/, 'delegated, and no other')
      t.match(steps, /--certificate gatehouse\.pem --private-key gatehouse\.key/)
    }
  }
})

await t.test('no tier asks for more than it needs', async (t) => {
  t.same(permissionsOf('read'), ['User.Read.All', 'GroupMember.Read.All'])
  t.notOk(everything.some((name) => name.startsWith('Directory.')))
})
