import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ApiClient } from '../src/cli/client.ts'
import { issueServerCertificate, makeAuthority } from '../src/credentials/certificates/authority.ts'
import {
  issueClientCertificate,
  makeClientKey,
} from '../src/credentials/certificates/client-certificate.ts'
import type { ClientCertificate } from './radius-eap-load.ts'
import type { Credential } from './radius-load.ts'

const NETWORK = '/networks/corp'
const METHODS = ['ttls-pap', 'pap', 'peap-mschapv2', 'tls']
const DAYS = 30
/** Log-ins a second from one address: more than any load here. */
const NAS_RATE = 1_000_000

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

/** Lets the named in by every method that is measured, with network passwords for MS-CHAPv2. */
export async function prepareNetwork(
  api: ApiClient,
  wish: { readonly secret: string; readonly caPem: string; readonly usernames: readonly string[] },
): Promise<readonly NetworkPerson[]> {
  const { secret, caPem, usernames } = wish
  const nas = { name: 'loopback', addresses: ['127.0.0.0/8'], secret, rate: NAS_RATE }
  await api.send('POST', '/nas', nas)
  await api.send('PATCH', '/settings', { allowNetworkPasswords: true })
  const network = { name: 'corp', ssids: ['corp'], methods: METHODS, everyone: true }
  await api.send('POST', '/networks', network)
  await api.send('POST', '/ca', { name: 'bench', certificate: caPem, names: ['id'] })
  const networkPeople: NetworkPerson[] = []
  for (const name of usernames) {
    const { id } = await api.get<{ id: string }>(`/people/${name}`)
    const path = `/people/${name}/network-password`
    const { password } = await api.send<{ password: string }>('POST', path)
    networkPeople.push({ id, name, password })
  }
  return networkPeople
}

export async function resumeOnNetwork(api: ApiClient): Promise<void> {
  await api.send('PATCH', NETWORK, { resumption: true })
}
