import t from 'tap'
import { explainLogIn } from '../../../src/gateway/radius/explain.ts'
import { aGroup, aNas, aNetwork, aPerson, MemoryDirectory } from '../../support/directory.ts'

t.test('explained: which network, which group, what it gives, and why not', async (t) => {
  const [ada, bob] = [aPerson(), aPerson()]
  const staff = aGroup({ name: 'staff' })
  const nas = aNas()
  const guest = aNetwork({ name: 'guest', priority: 1, rules: [{ ssids: ['guest'] }] })
  const corp = aNetwork({
    name: 'corp',
    priority: 2,
    rules: [{ ssids: ['corp'] }],
    everyone: false,
    groups: [{ groupId: staff.id, vlan: 42, attributes: [] }],
  })
  const directory = new MemoryDirectory(ada, bob, staff, nas, guest, corp)
  directory.join(staff, ada)
  const ask = (who = ada, ssid = 'corp', method: 'pap' | 'chap' = 'pap') => {
    const facts = { ssid, nasIdentifier: null, portType: null, device: null }
    const logIn = { who: directory.entryOf(who), nas, facts, method, atMs: 0 }
    const { network, ...told } = explainLogIn(directory.model, logIn)
    return { ...told, network: network?.name ?? null }
  }
  const tried = [
    { network: 'guest', differs: ['ssid'] },
    { network: 'corp', differs: [] },
  ]
  t.match(ask(), { tried, network: 'corp', denial: null, grant: { why: 'staff', vlan: 42 } })
  t.same(ask(bob), { tried, network: 'corp', denial: 'not-in-allowed-group', grant: null })
  t.match(ask(ada, 'corp', 'chap'), { network: 'corp', denial: 'method-not-allowed' })
  t.match(ask(ada, 'lab'), { network: null, denial: 'no-network' })
  t.match(ask(bob, 'guest'), { network: 'guest', grant: { why: 'everyone' } })
})

t.test('EAP-MSCHAPv2 without a tunnel serves a VPN, and nobody on Wi-Fi', async (t) => {
  const ada = aPerson()
  const nas = aNas()
  const network = aNetwork({ methods: ['eap-mschapv2', 'ttls-pap'] })
  const directory = new MemoryDirectory(ada, nas, network)
  const ask = (portType: number | null, method: 'eap-mschapv2' | 'ttls-pap' = 'eap-mschapv2') => {
    const facts = { ssid: null, nasIdentifier: null, portType, device: null }
    const logIn = { who: directory.entryOf(ada), nas, facts, method, atMs: 0 }
    return explainLogIn(directory.model, logIn).denial
  }
  const [virtual, wireless, other] = [5, 19, 18]
  t.equal(ask(virtual), null)
  t.equal(ask(null), null)
  t.equal(ask(wireless), 'method-not-allowed')
  t.equal(ask(other), 'method-not-allowed')
  t.equal(ask(wireless, 'ttls-pap'), null)
})
