import { type Static, Type } from 'typebox'
import { POLICIES } from '../../sources/judge-people.ts'
import { CLOUD_NAMES } from '../../sources/microsoft365/clouds.ts'
import type { NewMicrosoft365Source } from '../../sources/microsoft365/registration.ts'
import { EXTRAS, TIERS } from '../../sources/microsoft365/settings.ts'

export const Guid = Type.String({
  pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
})
const Pem = Type.String({ maxLength: 32_768, pattern: '-----BEGIN' })
const HttpsUrl = Type.String({ maxLength: 2_048, pattern: '^https://' })

/** Never a path: an API caller has no say in what files the daemon reads. */
export const TokenFileName = Type.String({
  pattern: '^[a-z0-9][a-z0-9._-]{0,62}$',
  description:
    'name of a file in the daemon’s setting federated_tokens, whose token stands in for secret and certificate',
})

export const Secret = {
  clientSecret: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
  certificate: Type.Optional(Pem),
  privateKey: Type.Optional(Pem),
  federatedToken: Type.Optional(TokenFileName),
  secretExpiresAt: Type.Optional(
    Type.String({
      pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,6})?)?Z)?$',
      description: 'when the client secret ends, as Entra showed it; you are told before',
    }),
  ),
}

export const Tier = Type.Union(
  TIERS.map((tier) => Type.Literal(tier)),
  {
    description:
      'read: import only; disable: also disable accounts and end their sessions; ' +
      'write-back: also write what is edited here; password: also set there the passwords set here',
  },
)

export const Extra = Type.Union(
  EXTRAS.map((extra) => Type.Literal(extra)),
  {
    description:
      'groups: write the people of groups that are decided on here; licences: show what was bought, ' +
      'and write the licences that are decided on here',
  },
)

/** How a source is to be connected, whichever way. */
export const ConnectFields = {
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  cloud: Type.Optional(
    Type.Union(
      CLOUD_NAMES.map((cloud) => Type.Literal(cloud)),
      { description: 'which of Microsoft’s clouds; global unless said otherwise' },
    ),
  ),
  loginUrl: Type.Optional(HttpsUrl),
  graphUrl: Type.Optional(HttpsUrl),
  ca: Type.Optional(Pem),
  includeGuests: Type.Optional(Type.Boolean()),
  import: Type.Optional(
    Type.Union(
      POLICIES.map((policy) => Type.Literal(policy)),
      { description: 'who comes in by herself: everybody (the default), or nobody but the chosen' },
    ),
  ),
  paused: Type.Optional(Type.Boolean({ description: 'import nothing before it is resumed' })),
}

/** An application that exists already, and how it signs in. */
export const NewSourceFields = { clientId: Guid, ...Secret, ...ConnectFields }

const NewSource = Type.Object(NewSourceFields)

const NewConnection = Type.Object(ConnectFields)

type Connection = Omit<
  NewMicrosoft365Source,
  'tenantId' | 'clientId' | 'clientSecret' | 'certificate' | 'privateKey' | 'federatedToken'
>

export function readNewSource(
  body: Static<typeof NewSource>,
): Omit<NewMicrosoft365Source, 'tenantId'> {
  return {
    ...readConnection(body),
    clientId: body.clientId,
    clientSecret: body.clientSecret ?? null,
    certificate: body.certificate ?? null,
    privateKey: body.privateKey ?? null,
    federatedToken: body.federatedToken ?? null,
    secretExpiresAt: body.secretExpiresAt ?? null,
  }
}

export function readConnection(body: Static<typeof NewConnection>): Connection {
  return {
    name: body.name ?? 'microsoft365',
    cloud: body.cloud ?? null,
    loginUrl: body.loginUrl ?? null,
    graphUrl: body.graphUrl ?? null,
    ca: body.ca ?? null,
    includeGuests: body.includeGuests ?? false,
    import: body.import ?? 'everybody',
    paused: body.paused ?? false,
  }
}
