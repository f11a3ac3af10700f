import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Device } from '../../directory/device.ts'
import type { Directory } from '../../directory/directory.ts'
import { foldText } from '../../directory/fold.ts'
import { readMac } from '../../directory/mac.ts'
import type { DeviceChange } from '../../directory/ports/devices.ts'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError, notFound } from '../error.ts'
import { readNetwork, readPerson } from '../lookup.ts'
import { Moment, readMoment } from '../moment.ts'
import type { AdminParts } from '../parts.ts'
import { VlanName } from './vlan-field.ts'

const MAX_PAGE = 1_000
/** Of the first octet: the address is one of many devices at once (IEEE 802 §8.2). */
const MULTICAST = 1

const Name = Type.String({ minLength: 1, maxLength: 64 })
const Params = Type.Object({
  device: Type.String({ minLength: 1, maxLength: 64, description: 'name, MAC address or id' }),
})
const Listing = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 100 })),
    after: Type.Optional(Type.Integer({ minimum: 0, description: '`next` of the page before' })),
  },
  { additionalProperties: false },
)
const deviceFields = {
  networks: Type.Array(Name, {
    minItems: 1,
    maxItems: 64,
    uniqueItems: true,
    description: 'where it may come in, as long as the network allows the method `mac`',
  }),
  owner: Type.Union([Type.String({ minLength: 1, maxLength: 256 }), Type.Null()], {
    description: 'username, log-in name or id of who must be let in herself; null for nobody',
  }),
  vlan: Type.Union([Type.Integer({ minimum: 1, maximum: 4094 }), VlanName, Type.Null()], {
    description: 'in the place of the network’s; null leaves that one',
  }),
  enabled: Type.Boolean(),
  expiresAt: Type.Union([Moment, Type.Null()], {
    description: 'from when on it is let in no more; null for never',
  }),
}
const { networks, ...optional } = deviceFields
const NewDeviceBody = Type.Object(
  {
    name: Name,
    mac: Type.String({ maxLength: 32, description: 'in any of the usual ways to write one' }),
    networks,
    ...Type.Partial(Type.Object(optional)).properties,
  },
  { additionalProperties: false },
)
const ChangeBody = Type.Partial(Type.Object({ name: Name, ...deviceFields }), {
  additionalProperties: false,
})

/** Devices that are let in by their MAC address. */
export function deviceRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, devices } = parts

  app.get<{ Querystring: Static<typeof Listing> }>(
    '/devices',
    { schema: { summary: 'List devices let in by MAC address, by name', querystring: Listing } },
    async (request) => {
      const { limit = 100, after = 0 } = request.query
      const all = directory.devices()
      const page = all.slice(after, after + limit)
      const seen = await devices.lastSeen(page.map(({ mac }) => mac))
      return {
        devices: page.map((device) => showDevice(directory, device, seen.get(device.mac) ?? null)),
        next: after + limit < all.length ? after + limit : null,
      }
    },
  )

  app.post<{ Body: Static<typeof NewDeviceBody> }>(
    '/devices',
    { schema: { summary: 'Let a device in by its MAC address', body: NewDeviceBody } },
    async (request, reply) => {
      requireRole(request, 'operator')
      const { name, mac, networks: names, ...given } = request.body
      const device = {
        name: checkName(name),
        mac: checkMac(mac),
        networkIds: names.map((each) => readNetwork(directory, each).id),
        ownerId: null,
        vlan: null,
        enabled: true,
        expiresAtMs: null,
        ...changeOf(directory, given),
      }
      const created = await devices.createDevice(device, actorOf(request))
      await parts.reached(created.inboxSeq)
      return reply.code(201).send(showDevice(directory, readDevice(directory, created.id), null))
    },
  )

  app.patch<{ Params: Static<typeof Params>; Body: Static<typeof ChangeBody> }>(
    '/devices/:device',
    { schema: { summary: 'Change a device', params: Params, body: ChangeBody } },
    async (request) => {
      requireRole(request, 'operator')
      const { id, mac } = readDevice(directory, request.params.device)
      const change = changeOf(directory, request.body)
      const seen = await devices.lastSeen([mac])
      const written = await devices.updateDevice(id, change, actorOf(request))
      await parts.reached(written.inboxSeq)
      return showDevice(directory, readDevice(directory, id), seen.get(mac) ?? null)
    },
  )

  app.delete<{ Params: Static<typeof Params> }>(
    '/devices/:device',
    { schema: { summary: 'Remove a device: it is let in no more', params: Params } },
    async (request) => {
      requireRole(request, 'operator')
      const { id } = readDevice(directory, request.params.device)
      const written = await devices.removeDevice(id, actorOf(request))
      await parts.reached(written.inboxSeq)
      return { changed: written.changed }
    },
  )
}

function showDevice(directory: Directory, device: Device, seenAt: Date | null) {
  const { id, name, mac, ownerId, networkIds, vlan, enabled, expiresAtMs, createdAtMs } = device
  const owner = ownerId === null ? null : (directory.entryById(ownerId)?.value ?? null)
  return {
    id,
    name,
    mac,
    networks: directory
      .networks()
      .filter((network) => networkIds.includes(network.id))
      .map((network) => network.name),
    // Somebody who has gone still shuts her device out, so it must not look like nobody's.
    owner: owner?.kind === 'person' ? owner.username : ownerId,
    vlan,
    enabled,
    expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
    createdAt: new Date(createdAtMs).toISOString(),
    lastSeenAt: seenAt?.toISOString() ?? null,
  }
}

function readDevice(directory: Directory, reference: string): Device {
  const folded = foldText(reference)
  const mac = readMac(reference)
  const found =
    directory.deviceById(reference) ??
    (mac === null ? null : directory.deviceByMac(mac)) ??
    directory.devices().find(({ name }) => foldText(name) === folded)
  if (found === undefined) throw notFound('device', reference)
  return found
}

function changeOf(directory: Directory, given: Static<typeof ChangeBody>): DeviceChange {
  const { name, networks: names, owner, expiresAt, ...same } = given
  return {
    ...same,
    ...(name === undefined ? {} : { name: checkName(name) }),
    ...(names === undefined
      ? {}
      : { networkIds: names.map((each) => readNetwork(directory, each).id) }),
    ...(owner === undefined
      ? {}
      : { ownerId: owner === null ? null : readPerson(directory, owner).value.id }),
    ...(expiresAt === undefined
      ? {}
      : { expiresAtMs: expiresAt === null ? null : readMoment(expiresAt) }),
  }
}

/** A name that reads as an address would lead to the wrong device. */
function checkName(name: string): string {
  if (readMac(name) !== null) throw refused('a name must not be a MAC address: say what it is')
  return name
}

function checkMac(text: string): string {
  const mac = readMac(text.trim())
  if (mac === null) throw refused(`${text} is no MAC address: write it as aa:bb:cc:dd:ee:ff`)
  if ((Number.parseInt(mac.slice(0, 2), 16) & MULTICAST) !== 0)
    throw refused(`${text} is a multicast address, which no device has`)
  return mac
}

function refused(message: string): ApiError {
  return new ApiError(422, 'bad-device', message)
}
