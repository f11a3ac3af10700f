import { isIP } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { HomeServerAddress, Realm } from '../../directory/realm.ts'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError } from '../error.ts'
import type { AdminParts } from '../parts.ts'
import { RADSEC_SECRET, radsecFields, readIdentity } from '../radsec-identity.ts'
import { VlanName } from './vlan-field.ts'

const Port = Type.Integer({ minimum: 1, maximum: 65_535 })
const Server = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      maxLength: 253,
      description: 'an address; over TLS a DNS name as well',
    }),
    port: Type.Optional(Port),
    acctPort: Type.Optional(Type.Union([Port, Type.Null()])),
    secret: Type.Optional(Type.String({ minLength: 8, maxLength: 128 })),
    radsec: Type.Optional(
      Type.Object(Type.Partial(Type.Object(radsecFields)).properties, {
        additionalProperties: false,
        description: 'RADIUS over TLS: what the server’s certificate has to show',
      }),
    ),
  },
  { additionalProperties: false },
)
const Params = Type.Object({
  name: Type.String({
    maxLength: 253,
    description: '`example.org`, `*.example.org` for all below it, `*` for all that is not ours',
  }),
})
const RealmBody = Type.Object(
  {
    servers: Type.Array(Server, {
      maxItems: 8,
      description: 'asked in this order; none makes the realm ours',
    }),
    allow: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), {
        maxItems: 64,
        description: 'reply attributes passed on beside those of the log-in itself',
      }),
    ),
    vlan: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 4094 }), VlanName, Type.Null()]),
    ),
    operatorName: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: 240 }), Type.Null()]),
    ),
  },
  { additionalProperties: false },
)

const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?'
const realmName = new RegExp(`^(?:\\*|(?:\\*\\.)?${label}(?:\\.${label})+)$`)

/** Realms whose log-ins are forwarded. */
export function realmRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, realms } = parts

  app.get('/realms', { schema: { summary: 'List realms whose log-ins are forwarded' } }, () => ({
    realms: directory.realms().map(showRealm),
  }))

  app.put<{ Params: Static<typeof Params>; Body: Static<typeof RealmBody> }>(
    '/realms/:name',
    { schema: { summary: 'Create a realm or replace it', params: Params, body: RealmBody } },
    async (request) => {
      requireRole(request, 'owner')
      const name = request.params.name.toLowerCase()
      if (!realmName.test(name)) {
        throw refused('a realm is written as example.org, *.example.org or * alone')
      }
      const { servers, allow = [], vlan = null, operatorName = null } = request.body
      if (name === directory.settings.domain?.toLowerCase() && servers.length > 0) {
        throw refused(`${name} is our own realm, which is never forwarded`)
      }
      for (const attribute of allow) checkAllowed(parts, attribute)
      const written = await realms.putRealm(
        { name, servers: servers.map(readServer), allow, vlan, operatorName },
        actorOf(request),
      )
      await parts.reached(written.inboxSeq)
      return showRealm(readRealm(parts, name))
    },
  )

  app.delete<{ Params: Static<typeof Params> }>(
    '/realms/:name',
    { schema: { summary: 'Remove a realm: its log-ins are ours again', params: Params } },
    async (request) => {
      requireRole(request, 'owner')
      const { id } = readRealm(parts, request.params.name)
      const written = await realms.removeRealm(id, actorOf(request))
      await parts.reached(written.inboxSeq)
      return { changed: written.changed }
    },
  )
}

/** Secrets are never shown. */
function showRealm({ id, name, servers, allow, vlan, operatorName }: Realm) {
  return {
    id,
    name,
    servers: servers.map(({ secret: _secret, ...server }) => server),
    allow,
    vlan,
    operatorName,
  }
}

function readRealm({ directory }: AdminParts, reference: string): Realm {
  const folded = reference.toLowerCase()
  const found = directory.realms().find(({ id, name }) => id === folded || name === folded)
  if (found === undefined) {
    throw new ApiError(404, 'not-found', `there is no realm ${reference}`)
  }
  return found
}

function readServer(given: Static<typeof Server>): HomeServerAddress {
  const { host, radsec } = given
  if (radsec !== undefined) {
    const identity = readIdentity({ names: [], fingerprints: [], trustedCa: null, ...radsec })
    const secret = Buffer.from(RADSEC_SECRET)
    return { host, port: given.port ?? 2083, acctPort: null, radsec: identity, secret }
  }
  if (isIP(host) === 0) throw refused(`${host} is no address, which RADIUS over UDP needs`)
  if (given.secret === undefined) throw refused(`${host} needs a secret`)
  const port = given.port ?? 1812
  const acctPort = given.acctPort === undefined ? port + 1 : given.acctPort
  return { host, port, acctPort, radsec: null, secret: Buffer.from(given.secret) }
}

/** @throws {ApiError} 422 for what no reply of ours may carry */
function checkAllowed(parts: AdminParts, name: string): void {
  if (!parts.replyAttributes().some((each) => each.vendor === null && each.name === name)) {
    throw refused(`${name} is no attribute of a reply: \`network attributes\` lists them`)
  }
}

function refused(message: string): ApiError {
  return new ApiError(422, 'bad-realm', message)
}
