import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { actorOf, requireRole } from '../caller.ts'
import { canonicalCidr } from '../cidr.ts'
import { ApiError } from '../error.ts'
import { readNas } from '../lookup.ts'
import { showNas } from '../nas-view.ts'
import type { AdminParts } from '../parts.ts'
import { RADSEC_SECRET, radsecFields, readIdentity } from '../radsec-identity.ts'

const fields = {
  addresses: Type.Array(Type.String({ maxLength: 50 }), {
    maxItems: 64,
    description: 'where it may come from; anywhere when left out',
  }),
  ...radsecFields,
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
