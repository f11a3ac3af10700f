import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import {
  digestSecret,
  makeGeneratedPassword,
  makeToken,
} from '../../credentials/generated-secret.ts'
import type { PrincipalId } from '../../directory/id.ts'
import type { Service, View } from '../../directory/service.ts'
import { actorOf, requireRole } from '../caller.ts'
import { readGroup, readService } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import { showService } from '../views.ts'

const GroupNames = Type.Array(Type.String({ maxLength: 256 }), { maxItems: 1000 })
const NewService = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
      description: 'letters, digits, dot, dash, underscore',
    }),
    viewGroups: Type.Optional(GroupNames),
    allowedGroups: Type.Optional(GroupNames),
  },
  { additionalProperties: false },
)
const Params = Type.Object({ name: Type.String({ maxLength: 64 }) })

/** LDAP clients, SCIM connections and API tokens: machines with a generated secret, shown once. */
const KINDS = [
  { path: 'ldap-clients', purpose: 'ldap-client', what: 'an LDAP client' },
  { path: 'scim-connections', purpose: 'scim-connection', what: 'a SCIM connection' },
  { path: 'api-tokens', purpose: 'api', what: 'an API token' },
] as const

export function serviceRoutes(app: FastifyInstance, parts: AdminParts): void {
  for (const { path, purpose, what } of KINDS) {
    const role = purpose === 'api' ? 'owner' : 'operator'

    app.get(`/${path}`, { schema: { summary: `List ${path}` } }, () => ({
      [camel(path)]: listServices(parts, purpose).map((service) => show(parts, service)),
    }))

    app.post<{ Body: Static<typeof NewService> }>(
      `/${path}`,
      { schema: { summary: `Create ${what}; its secret is shown this once`, body: NewService } },
      async (request, reply) => {
        requireRole(request, role)
        const { name, viewGroups, allowedGroups } = request.body
        const groupIds = (names: readonly string[]) =>
          names.map((group) => readGroup(parts.directory, group).value.id)
        const view: View =
          viewGroups === undefined
            ? { sees: 'all' }
            : { sees: 'groups', groupIds: groupIds(viewGroups) }
        const allowedGroupIds = allowedGroups === undefined ? null : groupIds(allowedGroups)
        const created = await parts.resources.createService(
          { purpose, name, view, allowedGroupIds },
          actorOf(request),
        )
        const secret = await giveSecret(parts, { id: created.id, purpose }, actorOf(request))
        return reply
          .code(201)
          .send({ ...show(parts, readService(parts.directory, purpose, created.id).value), secret })
      },
    )

    app.post<{ Params: Static<typeof Params> }>(
      `/${path}/:name/secret`,
      { schema: { summary: 'Replace the secret; the old one ends at once', params: Params } },
      async (request) => {
        requireRole(request, role)
        const { id } = readService(parts.directory, purpose, request.params.name).value
        const before = await parts.credentials.listFor(id)
        const secret = await giveSecret(parts, { id, purpose }, actorOf(request))
        for (const credential of before) {
          const written = await parts.credentials.revoke(credential.id, actorOf(request))
          await parts.reached(written.inboxSeq)
        }
        return { ...show(parts, readService(parts.directory, purpose, id).value), secret }
      },
    )

    app.delete<{ Params: Static<typeof Params> }>(
      `/${path}/:name`,
      { schema: { summary: `Remove ${what}`, params: Params } },
      async (request) => {
        requireRole(request, role)
        const { id } = readService(parts.directory, purpose, request.params.name).value
        const written = await parts.resources.removeService(id, actorOf(request))
        await parts.reached(written.inboxSeq)
        return { changed: written.changed }
      },
    )
  }
}

async function giveSecret(
  parts: AdminParts,
  service: { id: PrincipalId; purpose: Service['purpose'] },
  actor: ReturnType<typeof actorOf>,
): Promise<string> {
  const isToken = service.purpose !== 'ldap-client'
  const secret = isToken ? makeToken() : makeGeneratedPassword()
  const written = await parts.credentials.put(
    {
      principalId: service.id,
      type: isToken ? 'token' : 'generated-secret',
      label: 'secret',
      verifier: digestSecret(secret),
      serviceId: null,
      expiresAtMs: null,
    },
    actor,
  )
  await parts.reached(written.inboxSeq)
  return secret
}

function listServices(parts: AdminParts, purpose: Service['purpose']): readonly Service[] {
  const found: Service[] = []
  for (const { value } of parts.directory.search({ op: 'kind', kind: 'service' })) {
    if (value.kind === 'service' && value.purpose === purpose) found.push(value)
  }
  return found
}

function show(parts: AdminParts, service: Service) {
  const shown = showService(parts.directory, service)
  return service.purpose === 'ldap-client'
    ? { ...shown, bindDn: parts.serviceDn(service.name) }
    : shown
}

function camel(path: string): string {
  return path.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}
