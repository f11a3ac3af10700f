import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { RadsecIdentity } from '../../directory/network.ts'
import { actorOf, requireRole } from '../caller.ts'
import { canonicalCidr } from '../cidr.ts'
import { ApiError } from '../error.ts'
import { readNas } from '../lookup.ts'
import { showNas } from '../nas-view.ts'
import type { AdminParts } from '../parts.ts'

/** RFC 6614 §2.3: what is mixed into digests over TLS, where it protects nothing. */
const RADSEC_SECRET = 'radsec'

const MAX_PEM = 65_536
const dnsName = /^(?=.{1,253}$)[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i
const fields = {
  addresses: Type.Array(Type.String({ maxLength: 50 }), {
    maxItems: 64,
    description: 'where it may come from; anywhere when left out',
  }),
  names: Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
    maxItems: 16,
    description: 'DNS names or IP addresses its certificate may be for',
  }),
  fingerprints: Type.Array(Type.String({ minLength: 64, maxLength: 95 }), {
    maxItems: 16,
    description: 'SHA-256 of certificates it may show, with or without colons',
  }),
  trustedCa: Type.Union([Type.String({ maxLength: MAX_PEM }), Type.Null()], {
    description: 'PEM of who issues its certificate; null is the built-in CA',
  }),
}
const NewPeer = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    ...Type.Partial(Type.Object(fields)).properties,
  },
  { additionalProperties: false },
)
const PeerChange = Type.Partial(Type.Object(fields), { additionalProperties: false })
const Params = Type.Object({ name: Type.String({ maxLength: 64, description: 'name or id' }) })

/** NAS and proxies that come over TLS. They are NAS in every list, and removed as such. */
export function radsecPeerRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, resources } = parts

  app.post<{ Body: Static<typeof NewPeer> }>(
    '/radsec-peers',
    { schema: { summary: 'Create a NAS or proxy that comes over TLS (RadSec)', body: NewPeer } },
    async (request, reply) => {
      requireRole(request, 'operator')
      const { name, addresses = [], ...identity } = request.body
      const created = await resources.createNas(
        {
          name,
          addresses: addresses.map(canonicalCidr),
          secrets: [Buffer.from(RADSEC_SECRET)],
          requireMessageAuthenticator: 'no',
          limitProxyState: false,
          radsec: readIdentity({ names: [], fingerprints: [], trustedCa: null, ...identity }),
        },
        actorOf(request),
      )
      await parts.reached(created.inboxSeq)
      return reply.code(201).send(showNas(readNas(directory, created.id)))
    },
  )

  app.patch<{ Params: Static<typeof Params>; Body: Static<typeof PeerChange> }>(
    '/radsec-peers/:name',
    { schema: { summary: 'Change a RadSec peer', params: Params, body: PeerChange } },
    async (request) => {
      requireRole(request, 'operator')
      const nas = readNas(directory, request.params.name)
      if (nas.radsec === null) {
        throw new ApiError(409, 'not-radsec', `${nas.name} comes over UDP: change it as a NAS`)
      }
      const { addresses, ...identity } = request.body
      const written = await resources.updateNas(
        nas.id,
        {
          radsec: readIdentity({ ...nas.radsec, ...identity }),
          ...(addresses === undefined ? {} : { addresses: addresses.map(canonicalCidr) }),
        },
        actorOf(request),
      )
      await parts.reached(written.inboxSeq)
      return showNas(readNas(directory, nas.id))
    },
  )
}

/** @throws {ApiError} 422 for what no certificate could ever fit, or any certificate of its CA */
function readIdentity(given: RadsecIdentity): RadsecIdentity {
  const names = given.names.map((name) => name.toLowerCase())
  const odd = names.find((name) => isIP(name) === 0 && !dnsName.test(name))
  if (odd !== undefined)
    throw refused(`${odd} is no DNS name and no address; wildcards are not taken`)
  const fingerprints = given.fingerprints.map((text) => text.replaceAll(':', '').toLowerCase())
  if (!fingerprints.every((text) => /^[0-9a-f]{64}$/.test(text))) {
    throw refused('a fingerprint is SHA-256: 64 hexadecimal digits, colons between them or not')
  }
  if (names.length + fingerprints.length === 0) {
    throw refused('say by which name or fingerprint its certificate is known')
  }
  if (given.trustedCa !== null) readCertificates(given.trustedCa)
  return { names, fingerprints, trustedCa: given.trustedCa }
}

/** @throws {ApiError} 422 */
function readCertificates(pem: string): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    if (blocks.length === 0) throw new Error('no certificate')
    for (const block of blocks) new X509Certificate(block)
  } catch {
    throw new ApiError(422, 'bad-certificate', 'trustedCa is no PEM certificate')
  }
}

function refused(message: string): ApiError {
  return new ApiError(422, 'bad-peer', message)
}
