import t from 'tap'
import { Serving } from '../../../src/gateway/ldap/serving.ts'
import { GatewaySession } from '../../../src/gateway/ldap/session.ts'
import { aPerson, aService, MemoryDirectory, someSettings } from '../../support/directory.ts'
import { Conversation, loopback, startGateway } from '../../support/ldap-gateway.ts'

const bjorn = aPerson({ username: 'bjorn' })
const nss = aService({ name: 'nss' })

function contoso(): MemoryDirectory {
  return new MemoryDirectory(someSettings(), nss, bjorn)
}

await t.test(
  'attributes: a list that names nothing, or holds a NUL, is no other list than it is',
  async (t) => {
    const { anyone, as } = startGateway(contoso().model)
    const one = await as(nss)
    const stranger = anyone()
    for (const [odd, plain] of [
      [['uid\0sn'], ['uid', 'sn']],
      [[''], []],
      [['uid","sn'], ['uid', 'sn']],
    ] as const) {
      await stranger.search('(uid=bjorn)', { attributes: odd })
      await stranger.search('(objectClass=*)', { baseObject: '', scope: 'base', attributes: odd })
      await one.search('(uid=bjorn)', { attributes: odd })
      const { attributes } = await one.only('(uid=bjorn)', plain)
      t.same(attributes.uid, ['bjorn'], JSON.stringify(odd))
      const after = await one.only('(uid=bjorn)', odd)
      t.same(after.attributes, {}, `${JSON.stringify(odd)} names nothing`)
    }
  },
)

await t.test(
  'attributes: what strangers ask for is not kept among what the others ask',
  async (t) => {
    const serving = new Serving({
      directory: contoso().model,
      authenticator: { authenticate: () => ({ ok: false, denial: 'unknown-name' }) },
      vendorVersion: '1',
      hasTls: () => false,
    })
    const asked: (readonly string[])[] = []
    const find = serving.selections.find.bind(serving.selections)
    serving.selections.find = (attributes, isTypesOnly) => {
      asked.push(attributes)
      return find(attributes, isTypesOnly)
    }
    const one = new Conversation(new GatewaySession(serving, loopback))
    await one.search('(objectClass=*)', { attributes: ['uid'] })
    await one.search('(objectClass=*)', { baseObject: '', scope: 'base', attributes: ['uid'] })
    t.same(asked, [])
  },
)
