import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { issueServerCertificate, makeAuthority } from '../src/credentials/certificates/authority.ts'
import {
  issueClientCertificate,
  makeClientKey,
} from '../src/credentials/certificates/client-certificate.ts'
import type { DemoFacts } from '../src/demo/facts.ts'
import { Admin } from '../test/support/admin.ts'
import type { ClientCertificate } from './radius-eap-load.ts'
import type { Credential } from './radius-load.ts'

const NETWORK = '/networks/corp'
const METHODS = ['ttls-pap', 'pap', 'peap-mschapv2', 'tls']
const DAYS = 30

/** With her network password. */
interface NetworkPerson extends Credential {
  readonly id: string
}

/** One authority, whose certificates every server shows and every device has. */
export async function makeCertificates(folder: string, serverName: string) {
  const nowMs = Date.now()
  const authority = await makeAuthority('Bench Root', nowMs)
  const issued = await issueServerCertificate(authority, { names: [serverName], nowMs })
  const certFile = join(folder, 'server.pem')
  const keyFile = join(folder, 'server.key')
  const caFile = join(folder, 'ca.pem')
  writeFileSync(certFile, issued.certificate)
  writeFileSync(keyFile, issued.privateKey, { mode: 0o600 })
  writeFileSync(caFile, authority.certificate)
  return {
    certificate: { certFile, keyFile },
    caFile,
    caPem: authority.certificate,
    /** One each, that names her by our own id. */
    forPeople: async (people: readonly NetworkPerson[]) => {
      const byName = new Map<string, ClientCertificate>()
      for (const { name, id } of people) {
        const { publicKey, privateKey } = await makeClientKey()
        const subject = { principalId: id, username: name, device: 'bench', mail: null, upn: null }
        const wish = { subject, publicKey, days: DAYS, nowMs, urls: null }
        const { certificate } = await issueClientCertificate(authority, wish)
        byName.set(name, { certificate, privateKey })
      }
      return byName
    },
  }
}

/** Lets everybody in by every method that is measured, with network passwords for MS-CHAPv2. */
export async function prepareNetwork(
  facts: DemoFacts,
  caPem: string,
): Promise<{
  readonly people: readonly Credential[]
  readonly networkPeople: readonly NetworkPerson[]
}> {
  const admin = new Admin(facts)
  await admin.send('PATCH', '/settings', { allowNetworkPasswords: true })
  await admin.send('PATCH', NETWORK, { methods: METHODS })
  await admin.send('POST', '/ca', { name: 'bench', certificate: caPem, names: ['id'] })
  const active = facts.people.filter(({ state }) => state === 'active')
  const people = active.map(({ username, password }) => ({ name: username, password }))
  const networkPeople: NetworkPerson[] = []
  for (const { name } of people) {
    const path = `/people/${name}`
    const { id } = await admin.send<{ id: string }>('GET', path)
    const made = await admin.send<{ password: string }>('POST', `${path}/network-password`)
    networkPeople.push({ id, name, password: made.password })
  }
  return { people, networkPeople }
}

export async function resumeOnNetwork(facts: DemoFacts): Promise<void> {
  await new Admin(facts).send('PATCH', NETWORK, { resumption: true })
}
