import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import {
  DEFAULT_CLIENT_DAYS,
  MAX_CLIENT_DAYS,
  MAX_CSR_CHARACTERS,
} from '../../credentials/certificates/client-certificate.ts'
import { plainSerial } from '../../credentials/certificates/crl.ts'
import {
  type ClientCertificate,
  type RevocationReason,
  revocationReasons,
} from '../../directory/client-certificate.ts'
import type { Directory } from '../../directory/directory.ts'
import { MAX_DEVICE_LABEL } from '../../directory/ports/certificates.ts'
import { actorOf, requireRole } from '../caller.ts'
import { notFound } from '../error.ts'
import { readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import { isoTime } from '../views.ts'
import { PersonParams } from './people.ts'

const REASONS = Object.keys(revocationReasons) as readonly RevocationReason[]

const Params = Type.Object({
  certificate: Type.String({ maxLength: 64, description: 'id or serial number' }),
})
const Filter = Type.Object(
  { person: Type.Optional(Type.String({ maxLength: 320, description: 'all when left out' })) },
  { additionalProperties: false },
)
const Wish = Type.Object(
  {
    device: Type.String({ maxLength: MAX_DEVICE_LABEL, description: 'what she calls the device' }),
    days: Type.Optional(
      Type.Integer({ minimum: 1, maximum: MAX_CLIENT_DAYS, default: DEFAULT_CLIENT_DAYS }),
    ),
    csr: Type.Optional(
      Type.String({
        maxLength: MAX_CSR_CHARACTERS,
        description: 'PKCS#10 in PEM: the key stays on the device; only the key of it is used',
      }),
    ),
    password: Type.Optional(
      Type.String({
        maxLength: 128,
        description: 'of the PKCS#12 file that is made without a csr; made when left out',
      }),
    ),
    format: Type.Optional(
      Type.Union([Type.Literal('compatible'), Type.Literal('modern')], {
        description: 'of the PKCS#12 file: 3DES for every device, or AES-256 for the newer',
      }),
    ),
  },
  { additionalProperties: false },
)
const Revocation = Type.Object(
  { reason: Type.Optional(Type.Union(REASONS.map((reason) => Type.Literal(reason)))) },
  { additionalProperties: false },
)

/** Certificates with which people and their devices log in. */
export function certificateRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, certificates } = parts
  const read = (reference: string): ClientCertificate => {
    const plain = plainSerial(reference.replaceAll(/[:\s]/g, ''))
    const found = certificates.byId(reference) ?? certificates.bySerial(plain)
    if (found === null) throw notFound('certificate', reference)
    return found
  }

  app.get<{ Querystring: Static<typeof Filter> }>(
    '/certificates',
    { schema: { summary: 'List certificates issued here', querystring: Filter } },
    (request) => {
      const { person } = request.query
      const id = person === undefined ? null : readPerson(directory, person).value.id
      const found = [...certificates.all()].filter(
        ({ principalId }) => id === null || principalId === id,
      )
      found.sort((a, b) => a.createdAtMs - b.createdAtMs)
      return { certificates: found.map((one) => show(directory, one)) }
    },
  )

  app.get(
    '/certificates/server',
    { schema: { summary: 'The certificate LDAPS, HTTPS, RadSec and EAP show, and its faults' } },
    () => parts.serverCertificate(),
  )

  app.get<{ Params: Static<typeof Params> }>(
    '/certificates/:certificate',
    { schema: { summary: 'Show a certificate', params: Params } },
    (request) => show(directory, read(request.params.certificate)),
  )

  app.post<{ Params: Static<typeof PersonParams>; Body: Static<typeof Wish> }>(
    '/people/:person/certificates',
    {
      schema: {
        summary:
          'Issue a certificate for a device of hers: from a CSR, or with a key as PKCS#12, shown this once',
        params: PersonParams,
        body: Wish,
      },
    },
    async (request, reply) => {
      requireRole(request, 'operator')
      const person = readPerson(directory, request.params.person).value
      const { device, days = DEFAULT_CLIENT_DAYS, csr, password, format } = request.body
      const key =
        csr === undefined
          ? ({ from: 'here', password: password ?? null, format: format ?? 'compatible' } as const)
          : ({ from: 'csr', csr } as const)
      const made = await certificates.issue(person, { device, days, key }, actorOf(request))
      await parts.reached(made.written.inboxSeq)
      const { pkcs12 } = made
      return reply.code(201).send({
        ...show(directory, read(made.id)),
        pem: made.certificate,
        authorityPem: made.authority,
        ...(pkcs12 === null
          ? {}
          : { pkcs12: pkcs12.file.toString('base64'), password: pkcs12.password }),
      })
    },
  )

  app.post<{ Params: Static<typeof Params>; Body: Static<typeof Revocation> }>(
    '/certificates/:certificate/revoke',
    {
      schema: {
        summary: 'Revoke a certificate; it lets nobody in from the next log-in on',
        params: Params,
        body: Revocation,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { id } = read(request.params.certificate)
      const { reason = 'unspecified' } = request.body
      const written = await certificates.revoke(id, reason, actorOf(request))
      await parts.reached(written.inboxSeq)
      return { ...show(directory, read(id)), changed: written.changed }
    },
  )
}

function show(directory: Directory, one: ClientCertificate) {
  const owner = directory.entryById(one.principalId)?.value
  return {
    id: one.id,
    person: owner?.kind === 'person' ? owner.username : null,
    device: one.label,
    serial: one.serial,
    fingerprint: one.fingerprint,
    issuedAt: isoTime(one.createdAtMs),
    expiresAt: isoTime(one.notAfterMs),
    revokedAt: one.revokedAtMs === null ? null : isoTime(one.revokedAtMs),
    reason: one.reason,
  }
}
