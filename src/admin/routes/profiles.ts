import type { FastifyInstance, FastifyReply } from 'fastify'
import { type Static, Type } from 'typebox'
import { type ProfileFormat, profileFormats, renderProfile } from '../../profiles/formats.ts'
import { ProfileError, profileMethods } from '../../profiles/profile.ts'
import { requireRole } from '../caller.ts'
import { deviceProfile } from '../device-profile.ts'
import { ApiError } from '../error.ts'
import { readNetwork, readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'

const PATH = '/networks/:name/profiles/:format'
/** A chain of eight certificates with large keys, and a key with its own. */
const MAX_PEM = 64 * 1024
const MAX_PKCS12 = 64 * 1024

const Params = Type.Object({
  name: Type.String({ maxLength: 64, description: 'name or id' }),
  format: Type.Union(profileFormats.map((format) => Type.Literal(format))),
})
const wishes = {
  person: Type.Optional(
    Type.String({ maxLength: 320, description: 'whose device it is; left out, the device asks' }),
  ),
  ssid: Type.Optional(
    Type.String({ minLength: 1, maxLength: 32, description: 'where the network has several' }),
  ),
  wired: Type.Optional(Type.Boolean({ description: 'for a wired port instead of Wi-Fi' })),
  security: Type.Optional(Type.Union([Type.Literal('wpa2'), Type.Literal('wpa3')])),
  method: Type.Optional(Type.Union(profileMethods.map((method) => Type.Literal(method)))),
  unsigned: Type.Optional(Type.Boolean({ description: 'an Apple profile without signature' })),
}
const Query = Type.Object(wishes, { additionalProperties: false })
const Body = Type.Object(
  {
    ...wishes,
    serverNames: Type.Optional(
      Type.Array(Type.String({ maxLength: 253 }), {
        minItems: 1,
        maxItems: 16,
        description: 'names of all the servers devices may meet; else the one of this daemon',
      }),
    ),
    authorities: Type.Optional(
      Type.String({
        maxLength: MAX_PEM,
        description: "PEM; needed where the server's certificate comes from files without its root",
      }),
    ),
    clientCertificate: Type.Optional(
      Type.String({
        maxLength: MAX_PKCS12,
        contentEncoding: 'base64',
        pattern: '^[A-Za-z0-9+/]+={0,2}$',
        description: 'PKCS #12 in base64, for the method tls; its password stays outside',
      }),
    ),
  },
  { additionalProperties: false },
)

/** Files that make a device join a network and trust its server alone. */
export function profileRoutes(app: FastifyInstance, parts: AdminParts): void {
  const answer = (
    { name, format }: { readonly name: string; readonly format: ProfileFormat },
    { person, wired, unsigned, clientCertificate, ...wish }: Static<typeof Body>,
    reply: FastifyReply,
  ) => {
    const { directory } = parts
    const profile = deviceProfile(
      {
        network: readNetwork(directory, name),
        organization: directory.settings.organization,
        domain: directory.settings.domain,
        userName: person === undefined ? null : readPerson(directory, person).value.username,
      },
      {
        ...wish,
        isWired: wired,
        ...(clientCertificate === undefined
          ? {}
          : { clientCertificate: Buffer.from(clientCertificate, 'base64') }),
      },
      parts.profileServer(),
    )
    const file = render(profile, format, unsigned === true ? null : parts.profileSigner())
    return reply
      .type(file.contentType)
      .header('content-disposition', `attachment; filename="${file.name}"`)
      .header('cache-control', 'no-store')
      .send(file.bytes)
  }

  app.get<{ Params: Static<typeof Params>; Querystring: Static<typeof Query> }>(
    PATH,
    {
      schema: {
        summary: 'A file by which a device joins the network and trusts its server alone',
        params: Params,
        querystring: Query,
      },
    },
    (request, reply) => answer(request.params, request.query, reply),
  )

  app.post<{ Params: Static<typeof Params>; Body: Static<typeof Body> }>(
    PATH,
    {
      schema: {
        summary: 'The same, with certificates that come with the call; nothing is kept',
        params: Params,
        body: Body,
      },
    },
    (request, reply) => {
      requireRole(request, 'operator')
      return answer(request.params, request.body, reply)
    },
  )
}

function render(
  profile: Parameters<typeof renderProfile>[0],
  format: ProfileFormat,
  signing: Parameters<typeof renderProfile>[2],
) {
  try {
    return renderProfile(profile, format, signing)
  } catch (error) {
    if (error instanceof ProfileError) throw new ApiError(422, 'bad-profile', error.message)
    throw error
  }
}
