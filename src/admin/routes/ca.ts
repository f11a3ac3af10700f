import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { TrustedAuthority } from '../../credentials/certificates/client-trust.ts'
import { CrlError } from '../../credentials/certificates/crl.ts'
import { certificateNameKinds } from '../../directory/client-certificate.ts'
import { foldText } from '../../directory/fold.ts'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError, notFound } from '../error.ts'
import type { AdminParts } from '../parts.ts'
import { isoTime } from '../views.ts'

/** A CRL of the largest size in base64, or in PEM. */
const MAX_CRL_TEXT = 3 * 1024 * 1024

const Params = Type.Object({ name: Type.String({ maxLength: 64, description: 'name or id' }) })
const CrlUrl = Type.String({ maxLength: 1_024, description: 'http or https' })
const matching = {
  names: Type.Array(Type.Union(certificateNameKinds.map((kind) => Type.Literal(kind))), {
    minItems: 1,
    uniqueItems: true,
    description: 'which names of its certificates lead to people; all when left out',
  }),
  domains: Type.Union(
    [
      Type.Array(Type.String({ minLength: 1, maxLength: 253, pattern: '^[^@\\s]+$' }), {
        minItems: 1,
        maxItems: 64,
      }),
      Type.Null(),
    ],
    { description: 'only people with a mail address or UPN in these; null for all' },
  ),
}
const NewAuthority = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    certificate: Type.String({ maxLength: 16_384, description: 'PEM' }),
    ...Type.Partial(Type.Object(matching)).properties,
    crlUrl: Type.Optional(CrlUrl),
  },
  { additionalProperties: false },
)
const AuthorityChange = Type.Partial(
  Type.Object({ ...matching, crlUrl: Type.Union([CrlUrl, Type.Null()]) }),
  { additionalProperties: false },
)
const Crl = Type.Object(
  {
    crl: Type.Optional(
      Type.String({
        maxLength: MAX_CRL_TEXT,
        description: 'PEM, or DER in base64; fetched from its address when left out',
      }),
    ),
  },
  { additionalProperties: false },
)

/** Authorities whose certificates people log in with: our own, and companies' own. */
export function caRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { certificates } = parts
  const read = (reference: string): TrustedAuthority => {
    const folded = foldText(reference)
    const found = certificates
      .authorities()
      .find(({ value }) => value.id === reference || foldText(value.name) === folded)
    if (found === undefined) throw notFound('authority', reference)
    return found
  }

  app.get('/ca', { schema: { summary: 'List authorities for certificates of people' } }, () => ({
    authorities: certificates.authorities().map((one) => show(one)),
  }))

  app.get<{ Params: Static<typeof Params> }>(
    '/ca/:name',
    { schema: { summary: 'Show an authority, with its certificate', params: Params } },
    (request) => {
      const found = read(request.params.name)
      return { ...show(found), certificate: found.value.certificate }
    },
  )

  app.post<{ Body: Static<typeof NewAuthority> }>(
    '/ca',
    {
      schema: {
        summary: "Trust a company's own authority: its certificates let people in from now on",
        body: NewAuthority,
      },
    },
    async (request, reply) => {
      requireRole(request, 'owner')
      const { name, certificate, names, domains = null, crlUrl = null } = request.body
      const written = await certificates.addAuthority(
        {
          name,
          certificate,
          matching: { names: names ?? certificateNameKinds, domains: lowered(domains) },
          crlUrl,
        },
        actorOf(request),
      )
      await parts.reached(written.inboxSeq)
      return reply.code(201).send(show(read(name)))
    },
  )

  app.patch<{ Params: Static<typeof Params>; Body: Static<typeof AuthorityChange> }>(
    '/ca/:name',
    {
      schema: {
        summary: 'Change how it matches people, or where its CRL is',
        params: Params,
        body: AuthorityChange,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { value } = read(request.params.name)
      const { names, domains, crlUrl } = request.body
      const written = await certificates.updateAuthority(
        value.id,
        {
          ...(crlUrl === undefined ? {} : { crlUrl }),
          matching: {
            names: names ?? value.matching.names,
            domains: domains === undefined ? value.matching.domains : lowered(domains),
          },
        },
        actorOf(request),
      )
      await parts.reached(written.inboxSeq)
      return show(read(value.id))
    },
  )

  app.delete<{ Params: Static<typeof Params> }>(
    '/ca/:name',
    { schema: { summary: 'Trust it no more; its certificates let nobody in', params: Params } },
    async (request) => {
      requireRole(request, 'owner')
      const { value } = read(request.params.name)
      const written = await certificates.removeAuthority(value, actorOf(request))
      await parts.reached(written.inboxSeq)
      return { changed: written.changed }
    },
  )

  app.put<{ Params: Static<typeof Params>; Body: Static<typeof Crl> }>(
    '/ca/:name/crl',
    { schema: { summary: 'Take a CRL of it, or fetch it now', params: Params, body: Crl } },
    async (request) => {
      requireRole(request, 'operator')
      const authority = read(request.params.name)
      const { crl } = request.body
      try {
        if (crl === undefined) await certificates.fetchCrl(authority)
        else {
          const bytes = Buffer.from(crl, crl.startsWith('-----') ? 'latin1' : 'base64')
          const written = await certificates.takeCrl(authority.value, bytes, actorOf(request))
          await parts.reached(written.inboxSeq)
        }
      } catch (error) {
        if (!(error instanceof CrlError)) throw error
        throw new ApiError(422, 'refused', error.message)
      }
      return show(read(authority.value.id))
    },
  )
}

function lowered(domains: readonly string[] | null): readonly string[] | null {
  return domains?.map((domain) => domain.toLowerCase()) ?? null
}

function show({ value, certificate, privateKey, crl }: TrustedAuthority) {
  const { matching: match, crlUrl, crlTakenAtMs, crlError } = value
  return {
    id: value.id,
    name: value.name,
    own: privateKey !== null,
    subject: certificate.subject.replaceAll('\n', ', '),
    fingerprint: value.fingerprint,
    expiresAt: new Date(certificate.validTo).toISOString(),
    names: match.names,
    domains: match.domains,
    crlUrl,
    crl:
      crl === null
        ? null
        : {
            revoked: crl.revoked.size,
            takenAt: crlTakenAtMs === null ? null : isoTime(crlTakenAtMs),
            nextUpdate: crl.nextUpdateMs === null ? null : isoTime(crl.nextUpdateMs),
          },
    crlError,
  }
}
