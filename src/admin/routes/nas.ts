import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Directory } from '../../directory/directory.ts'
import {
  type DynamicAuthorization,
  dynamicModes,
  MAX_RATE,
  type Nas,
  USUAL_RATE,
} from '../../directory/network.ts'
import { actorOf, requireRole } from '../caller.ts'
import { canonicalCidr, isSameBlock } from '../cidr.ts'
import { ApiError } from '../error.ts'
import { readNas } from '../lookup.ts'
import { showNas } from '../nas-view.ts'
import type { AdminParts } from '../parts.ts'

const MAX_SECRET = 128
/** Shorter ones fall to an offline guess of one captured packet. */
const MIN_SECRET = 8
const GENERATED_SECRET_BYTES = 24
const KEEP_DAYS = 7
const MAX_KEEP_DAYS = 90
const DAY_MS = 86_400_000

const Name = Type.String({ minLength: 1, maxLength: 64 })
const Params = Type.Object({ name: Type.String({ maxLength: 64, description: 'name or id' }) })
const nasFields = {
  addresses: Type.Array(
    Type.String({ maxLength: 50, description: 'address or CIDR block, IPv4 or IPv6' }),
    { minItems: 1, maxItems: 64 },
  ),
  secret: Type.String({
    minLength: MIN_SECRET,
    maxLength: MAX_SECRET,
    pattern: '^[\\x21-\\x7e]+$',
  }),
  requireMessageAuthenticator: Type.Union([
    Type.Literal('yes'),
    Type.Literal('no'),
    Type.Literal('auto'),
  ]),
  limitProxyState: Type.Boolean(),
  rate: Type.Integer({
    minimum: 1,
    maximum: MAX_RATE,
    description: `log-ins a second, over ten seconds, that each of its addresses may begin; ${USUAL_RATE} unless set`,
  }),
}
const coaFields = {
  coa: Type.Optional(
    Type.Union(
      dynamicModes.map((mode) => Type.Literal(mode)),
      {
        description:
          'what the NAS does on request (RFC 5176): end sessions, or also move them to another VLAN',
      },
    ),
  ),
  coaPort: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
  coaSecret: Type.Optional(
    Type.Union([nasFields.secret, Type.Null()], {
      description: "its own secret for such requests; null for the NAS's newest",
    }),
  ),
}

interface CoaGiven {
  readonly coa?: DynamicAuthorization['mode'] | undefined
  readonly coaPort?: number | undefined
  readonly coaSecret?: string | null | undefined
}

/** From the words of the API to the directory's; what is not said stays. */
function toDynamic({ coa, coaPort, coaSecret }: CoaGiven) {
  const dynamicAuthorization = {
    ...(coa === undefined ? {} : { mode: coa }),
    ...(coaPort === undefined ? {} : { port: coaPort }),
    ...(coaSecret === undefined
      ? {}
      : { secret: coaSecret === null ? null : Buffer.from(coaSecret) }),
  }
  return { dynamicAuthorization }
}

const NewNas = Type.Object(
  {
    name: Name,
    addresses: nasFields.addresses,
    secret: Type.Optional(nasFields.secret),
    requireMessageAuthenticator: Type.Optional(nasFields.requireMessageAuthenticator),
    limitProxyState: Type.Optional(nasFields.limitProxyState),
    rate: Type.Optional(nasFields.rate),
    ...coaFields,
  },
  { additionalProperties: false },
)
const Rotation = Type.Object(
  {
    secret: Type.Optional(nasFields.secret),
    keepDays: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_KEEP_DAYS,
        description: `for which the old secret is good as well; ${KEEP_DAYS} when left out`,
      }),
    ),
  },
  { additionalProperties: false },
)
const NasChange = Type.Object(
  {
    addresses: Type.Optional(nasFields.addresses),
    secret: Type.Optional(nasFields.secret),
    keepOldSecret: Type.Optional(
      Type.Boolean({ description: 'for a week, while access points are moved to the new one' }),
    ),
    requireMessageAuthenticator: Type.Optional(nasFields.requireMessageAuthenticator),
    limitProxyState: Type.Optional(nasFields.limitProxyState),
    rate: Type.Optional(nasFields.rate),
    ...coaFields,
  },
  { additionalProperties: false },
)

export function nasRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, resources } = parts

  app.get(
    '/nas',
    { schema: { summary: 'List NAS, and who is still on an old secret' } },
    async () => {
      const uses = await parts.nas.uses()
      return { nas: directory.allNas().map((nas) => showNas(nas, uses)) }
    },
  )

  app.post<{ Body: Static<typeof NewNas> }>(
    '/nas',
    { schema: { summary: 'Create a NAS; a generated secret is shown this once', body: NewNas } },
    async (request, reply) => {
      requireRole(request, 'operator')
      const {
        name,
        addresses,
        requireMessageAuthenticator = 'auto',
        limitProxyState = true,
      } = request.body
      const secret = request.body.secret ?? generateSecret()
      const created = await resources.createNas(
        {
          name,
          addresses: freeBlocks(directory, addresses, null),
          secrets: [Buffer.from(secret)],
          requireMessageAuthenticator,
          limitProxyState,
          radsec: null,
          rate: request.body.rate,
          ...toDynamic(request.body),
        },
        actorOf(request),
      )
      await parts.reached(created.inboxSeq)
      const shown = showNas(readNas(directory, created.id))
      return reply.code(201).send(request.body.secret === undefined ? { ...shown, secret } : shown)
    },
  )

  app.patch<{ Params: Static<typeof Params>; Body: Static<typeof NasChange> }>(
    '/nas/:name',
    { schema: { summary: 'Change a NAS', params: Params, body: NasChange } },
    async (request) => {
      requireRole(request, 'operator')
      const isRateAlone = Object.keys(request.body).every((field) => field === 'rate')
      const read = isRateAlone ? readNas : readUdpNas
      const nas = read(directory, request.params.name)
      const { secret, keepOldSecret = false, addresses, ...rest } = request.body
      const { coa, coaPort, coaSecret, ...change } = rest
      const blocks = addresses === undefined ? null : freeBlocks(directory, addresses, nas)
      if (secret !== undefined && keepOldSecret) {
        const rotation = { secret: Buffer.from(secret), keepMs: KEEP_DAYS * DAY_MS }
        const { inboxSeq } = await parts.nas.rotateSecret(nas.id, rotation, actorOf(request))
        await parts.reached(inboxSeq)
      }
      const isReplaced = secret !== undefined && !keepOldSecret
      const written = await resources.updateNas(
        nas.id,
        {
          ...change,
          ...toDynamic({ coa, coaPort, coaSecret }),
          ...(isReplaced ? { secrets: [Buffer.from(secret)] } : {}),
          ...(blocks === null ? {} : { addresses: blocks }),
        },
        actorOf(request),
      )
      await parts.reached(written.inboxSeq)
      return showNas(readNas(directory, nas.id))
    },
  )

  app.post<{ Params: Static<typeof Params>; Body: Static<typeof Rotation> }>(
    '/nas/:name/rotate',
    {
      schema: {
        summary: 'Put a new secret beside the old one; a generated one is shown this once',
        params: Params,
        body: Rotation,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { keepDays = KEEP_DAYS } = request.body
      const secret = request.body.secret ?? generateSecret()
      const { id } = readUdpNas(directory, request.params.name)
      // Read before: a secret that is made must not be lost to a read that fails.
      const uses = await parts.nas.uses()
      const written = await parts.nas.rotateSecret(
        id,
        { secret: Buffer.from(secret), keepMs: keepDays * DAY_MS },
        actorOf(request),
      )
      await parts.reached(written.inboxSeq)
      const shown = showNas(readNas(directory, id), uses)
      return request.body.secret === undefined ? { ...shown, secret } : shown
    },
  )

  app.post<{ Params: Static<typeof Params> }>(
    '/nas/:name/end-rotation',
    { schema: { summary: 'End all secrets of a NAS but the newest, now', params: Params } },
    async (request) => {
      requireRole(request, 'operator')
      const { id } = readNas(directory, request.params.name)
      const uses = await parts.nas.uses()
      const written = await parts.nas.endRotation(id, actorOf(request))
      await parts.reached(written.inboxSeq)
      return showNas(readNas(directory, id), uses)
    },
  )

  app.delete<{ Params: Static<typeof Params> }>(
    '/nas/:name',
    { schema: { summary: 'Remove a NAS', params: Params } },
    async (request) => {
      requireRole(request, 'operator')
      const written = await resources.removeNas(
        readNas(directory, request.params.name).id,
        actorOf(request),
      )
      await parts.reached(written.inboxSeq)
      return { changed: written.changed }
    },
  )
}

/**
 * In canonical form. One block inside another is fine, since the longest prefix wins; of the same one
 * the secret of one NAS would count, and nobody could tell whose.
 *
 * @throws {ApiError} 409 for a block that another NAS has
 */
function freeBlocks(
  directory: Directory,
  addresses: readonly string[],
  own: Nas | null,
): readonly string[] {
  const blocks = addresses.map(canonicalCidr)
  const others = directory.allNas().filter(({ id, radsec }) => id !== own?.id && radsec === null)
  // Two that shared one before this was looked at can be parted at leisure.
  const isNew = (block: string) => own?.addresses.some((has) => isSameBlock(has, block)) !== true
  for (const block of blocks.filter(isNew)) {
    const owner = others.find((nas) => nas.addresses.some((has) => isSameBlock(has, block)))
    if (owner === undefined) continue
    const mend = 'add to it, or name a smaller block inside it'
    throw new ApiError(409, 'address-taken', `${block} belongs to the NAS ${owner.name}: ${mend}`)
  }
  return blocks
}

/** @throws {ApiError} 409 for a peer over TLS, which has no secret worth the name */
function readUdpNas(directory: Directory, reference: string): Nas {
  const nas = readNas(directory, reference)
  if (nas.radsec === null) return nas
  throw new ApiError(409, 'radsec', `${nas.name} comes over TLS: change it as a RadSec peer`)
}

function generateSecret(): string {
  return randomBytes(GENERATED_SECRET_BYTES).toString('base64url')
}
