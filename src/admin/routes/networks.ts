import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { isTimeZone } from '../../access/hours.ts'
import {
  methodsWithCode,
  type NetworkRule,
  type RadiusMethod,
  type ReplyAttribute,
  radiusMethods,
  weekdayNames,
} from '../../directory/network.ts'
import type { SessionOutlook } from '../../directory/ports/disconnects.ts'
import { explain as explainDenial } from '../../observe/reasons.ts'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError } from '../error.ts'
import { readGroup, readNas, readNetwork, readPerson } from '../lookup.ts'
import { approvalNeeded } from '../meant.ts'
import type { AdminParts } from '../parts.ts'
import { showNetwork } from '../views.ts'
import { VlanName } from './vlan-field.ts'

/** So many may end by one edit without a word. */
const MANY_SESSIONS = 20
/** And this part of all that are open. */
const MANY_SHARE = 10

const Name = Type.String({ minLength: 1, maxLength: 64 })
const Params = Type.Object({ name: Type.String({ maxLength: 64, description: 'name or id' }) })
const Vlan = Type.Union([Type.Integer({ minimum: 1, maximum: 4094 }), VlanName, Type.Null()])
const Attributes = Type.Array(
  Type.Object(
    { name: Type.String({ maxLength: 64 }), value: Type.String({ maxLength: 247 }) },
    { additionalProperties: false },
  ),
  { maxItems: 64 },
)
const SessionTimeout = Type.Union([Type.Integer({ minimum: 60, maximum: 7 * 86_400 }), Type.Null()])
const TimeOfDay = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$' })
const Hours = Type.Object(
  {
    timeZone: Type.String({ maxLength: 64, description: 'IANA name, such as Europe/Berlin' }),
    windows: Type.Array(
      Type.Object(
        {
          days: Type.Array(Type.Union(weekdayNames.map((day) => Type.Literal(day))), {
            minItems: 1,
            uniqueItems: true,
          }),
          from: TimeOfDay,
          to: TimeOfDay,
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 32 },
    ),
  },
  { additionalProperties: false },
)
const networkFields = {
  priority: Type.Integer({ minimum: 0, maximum: 10_000 }),
  ssids: Type.Array(Type.String({ minLength: 1, maxLength: 32 }), { maxItems: 64 }),
  nas: Type.Array(Name, {
    maxItems: 1000,
    description: 'names of the NAS it is for; all when left out',
  }),
  withoutSsid: Type.Boolean({ description: 'also for requests that name no SSID' }),
  methods: Type.Array(Type.Union(radiusMethods.map((method) => Type.Literal(method))), {
    minItems: 1,
    uniqueItems: true,
  }),
  everyone: Type.Boolean(),
  groups: Type.Array(
    Type.Object(
      {
        group: Type.String({ maxLength: 256 }),
        vlan: Type.Optional(Vlan),
        attributes: Type.Optional(Attributes),
        sessionTimeoutSeconds: Type.Optional(SessionTimeout),
      },
      { additionalProperties: false },
    ),
    { maxItems: 256 },
  ),
  vlan: Vlan,
  attributes: Attributes,
  secondFactor: Type.Union([Type.Literal('appended'), Type.Literal('challenge'), Type.Null()], {
    description:
      'a one-time code beside the password: appended to it, or asked for by an Access-Challenge; null: none',
  }),
  requireCryptoBinding: Type.Boolean({
    description: 'PEAP clients that do not tie their tunnel to what they show inside are refused',
  }),
  resumption: Type.Boolean({
    description:
      'a device that was let in comes back within the hour without its password; never where a one-time code is asked for',
  }),
  guests: Type.Boolean({
    description:
      'guest accounts are let in, by the methods of the network; `everyone` is none of them',
  }),
  sessionTimeoutSeconds: SessionTimeout,
  idleTimeoutSeconds: Type.Union([Type.Integer({ minimum: 60, maximum: 86_400 }), Type.Null()]),
  interimSeconds: Type.Union([Type.Integer({ minimum: 60, maximum: 86_400 }), Type.Null()]),
  hours: Type.Union([Hours, Type.Null()]),
}
const usualMethods: readonly RadiusMethod[] = ['ttls-pap', 'pap']
const NetworkChange = Type.Partial(Type.Object(networkFields), { additionalProperties: false })
const NetworkEdit = Type.Object(
  {
    ...NetworkChange.properties,
    count: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'how many open sessions may end or move, where that is many',
      }),
    ),
    dryRun: Type.Optional(
      Type.Boolean({ description: 'tell what would come of open sessions, and change nothing' }),
    ),
  },
  { additionalProperties: false },
)
const NewNetwork = Type.Object(
  { name: Name, ...Type.Partial(Type.Object(networkFields)).properties },
  { additionalProperties: false },
)

const LogIn = Type.Object(
  {
    person: Type.String({ maxLength: 256, description: 'username, log-in name or id' }),
    nas: Name,
    ssid: Type.Optional(Type.String({ minLength: 1, maxLength: 32 })),
    nasIdentifier: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
    portType: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff })),
    method: networkFields.methods.items,
    at: Type.Optional(
      Type.String({
        maxLength: 32,
        pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d)?Z$',
        description: 'such as 2026-12-24T18:00:00Z; now when left out',
      }),
    ),
  },
  { additionalProperties: false },
)

export function networkRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, resources } = parts

  app.get(
    '/networks/attributes',
    { schema: { summary: 'List what a network can put into its replies, by name' } },
    () => ({ attributes: parts.replyAttributes() }),
  )

  app.get(
    '/networks',
    { schema: { summary: 'List networks in the order they are tried' } },
    () => ({ networks: directory.networks().map((network) => showNetwork(directory, network)) }),
  )

  app.post<{ Body: Static<typeof LogIn> }>(
    '/networks/explain',
    { schema: { summary: 'Tell what would come of a log-in, and why', body: LogIn } },
    (request) => explain(parts, request.body),
  )

  app.post<{ Body: Static<typeof NewNetwork> }>(
    '/networks',
    { schema: { summary: 'Create a network', body: NewNetwork } },
    async (request, reply) => {
      requireRole(request, 'operator')
      const { name, ...given } = request.body
      const { secondFactor = null } = given
      const base = {
        priority: 100,
        methods: secondFactor === null ? usualMethods : methodsWithCode[secondFactor],
        everyone: false,
        groups: [],
        vlan: null,
        attributes: [],
        sessionTimeoutSeconds: null,
      }
      const { rules = [{}], ...change } = policyOf(parts, given)
      const created = await resources.createNetwork(
        { name, ...base, rules, ...change },
        actorOf(request),
      )
      await parts.reached(created.inboxSeq)
      return reply.code(201).send(showNetwork(directory, readNetwork(directory, created.id)))
    },
  )

  app.patch<{ Params: Static<typeof Params>; Body: Static<typeof NetworkEdit> }>(
    '/networks/:name',
    { schema: { summary: 'Change a network', params: Params, body: NetworkEdit } },
    async (request) => {
      requireRole(request, 'operator')
      const network = readNetwork(directory, request.params.name)
      const { count = 0, dryRun, ...given } = request.body
      const change = policyOf(parts, given)
      const sessions = await parts.sessions.outlook({ ...network, ...change })
      if (dryRun === true) return { dryRun, sessions }
      checkSessions(sessions, count)
      const written = await resources.updateNetwork(network.id, change, actorOf(request))
      await parts.reached(written.inboxSeq)
      return showNetwork(directory, readNetwork(directory, network.id))
    },
  )

  app.delete<{ Params: Static<typeof Params> }>(
    '/networks/:name',
    { schema: { summary: 'Remove a network', params: Params } },
    async (request) => {
      requireRole(request, 'operator')
      const written = await resources.removeNetwork(
        readNetwork(directory, request.params.name).id,
        actorOf(request),
      )
      await parts.reached(written.inboxSeq)
      return { changed: written.changed }
    },
  )
}

/**
 * Fewer than were said may go, since sessions come and go meanwhile.
 *
 * @throws {ApiError} 409 `approval-needed`
 */
function checkSessions({ open, ended, moved }: SessionOutlook, count: number): void {
  const affected = ended + moved
  const isMany = affected > MANY_SESSIONS && affected > open / MANY_SHARE
  if (isMany && affected > count)
    throw approvalNeeded('ends or moves', { affected, all: open, whom: 'open sessions' })
}

type NetworkGiven = Static<typeof NetworkChange>

/**
 * An attribute that no reply can carry would fail every log-in of its network.
 *
 * @throws {ApiError} 422 for the first of them
 */
function checkAttributes(parts: AdminParts, attributes: readonly ReplyAttribute[]): void {
  for (const attribute of attributes) {
    const why = parts.checkReplyAttribute(attribute)
    if (why !== null) throw new ApiError(422, 'bad-attribute', why)
  }
}

/** From names, as the API has them, to ids, as the directory keeps them. */
function policyOf(parts: AdminParts, given: NetworkGiven) {
  const { ssids, nas, withoutSsid, groups, ...rest } = given
  for (const { attributes } of [given, ...(groups ?? [])]) checkAttributes(parts, attributes ?? [])
  if (given.hours && !isTimeZone(given.hours.timeZone)) {
    const why = `${given.hours.timeZone} is no time zone: write it as in Europe/Berlin`
    throw new ApiError(422, 'bad-time-zone', why)
  }
  if (withoutSsid !== undefined && ssids === undefined && nas === undefined) {
    throw new ApiError(
      400,
      'rule-incomplete',
      'withoutSsid goes with ssids: say both, so that the rule is whole',
    )
  }
  const rule: NetworkRule = {
    ...(ssids === undefined ? {} : { ssids }),
    ...(nas === undefined ? {} : { nasIds: nas.map((name) => readNas(parts.directory, name).id) }),
    ...(withoutSsid === undefined ? {} : { withoutSsid }),
  }
  const isRuleGiven = ssids !== undefined || nas !== undefined || withoutSsid !== undefined
  return {
    ...rest,
    ...(isRuleGiven ? { rules: [rule] } : {}),
    ...(groups === undefined
      ? {}
      : {
          groups: groups.map(
            ({ group, vlan = null, attributes = [], sessionTimeoutSeconds = null }) => ({
              groupId: readGroup(parts.directory, group).value.id,
              vlan,
              attributes,
              sessionTimeoutSeconds,
            }),
          ),
        }),
  }
}

function explain(parts: AdminParts, given: Static<typeof LogIn>) {
  const { ssid = null, nasIdentifier = null, portType = null, method, at } = given
  const explained = parts.explainLogIn({
    who: readPerson(parts.directory, given.person),
    nas: readNas(parts.directory, given.nas),
    facts: { ssid, nasIdentifier, portType, device: null },
    method,
    atMs: at === undefined ? Date.now() : Date.parse(at),
  })
  const { tried, network, denial, grant } = explained
  return {
    network: network?.name ?? null,
    denial,
    explanation: explainDenial(denial, null),
    tried,
    grant,
  }
}
