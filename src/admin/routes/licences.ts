import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError } from '../error.ts'
import { readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import { PersonParams } from './people.ts'

const SourceParams = Type.Object({ source: Type.String({ maxLength: 64 }) })
const ChangeBody = Type.Object(
  {
    licences: Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
      minItems: 1,
      maxItems: 20,
      description: 'by name, such as SPE_E3, or id',
    }),
    source: Type.Optional(Type.String({ maxLength: 64, description: 'where she has several' })),
    dryRun: Type.Optional(Type.Boolean({ description: 'tell what she loses, and change nothing' })),
    accept: Type.Optional(
      Type.Boolean({ description: 'also where she loses something that does not come back' }),
    ),
    reason: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)

/** What was bought at a source, who has it, and who is to have it. */
export function licenceRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, licences } = parts

  app.get<{ Params: Static<typeof SourceParams> }>(
    '/sources/:source/licences',
    { schema: { summary: 'What was bought there, used, and free', params: SourceParams } },
    async (request) => await licences.list(request.params.source),
  )

  app.get<{ Params: Static<typeof PersonParams> }>(
    '/people/:person/licences',
    {
      schema: {
        summary: 'What licences the person has, by what, and which are decided on here',
        params: PersonParams,
      },
    },
    async (request) =>
      await licences.ofPerson(readPerson(directory, request.params.person).value.id),
  )

  for (const [verb, summary] of [
    ['assign', 'Have the person given licences; from then on they are decided on here'],
    [
      'remove',
      'Have licences taken from the person; 409 with what she loses by it, unless accepted',
    ],
    ['yield', 'Give licences back: whoever changes them in the source decides again'],
  ] as const) {
    app.post<{ Params: Static<typeof PersonParams>; Body: Static<typeof ChangeBody> }>(
      `/people/:person/licences/${verb}`,
      { schema: { summary, params: PersonParams, body: ChangeBody } },
      async (request) => {
        requireRole(request, 'operator')
        const { id, username } = readPerson(directory, request.params.person).value
        const { source = null, dryRun, accept, reason = null } = request.body
        const change = { verb, licences: request.body.licences, source }
        const losses = await licences.losses(id, change)
        if (dryRun === true) return { changed: 0, losses }
        if (losses.length > 0 && accept !== true) throw unaccepted(username, losses)
        const { changed, inboxSeq } = await licences.change(id, change, actorOf(request, reason))
        await parts.reached(inboxSeq)
        return { changed, losses }
      },
    )
  }
}

function unaccepted(username: string, losses: readonly string[]): ApiError {
  const what = losses.join('; ')
  const how = 'say that you mean it, with accept (--yes)'
  return new ApiError(409, 'approval-needed', `${username}: ${what}. ${how}`)
}
