import { randomUUID } from 'node:crypto'
import type { PrincipalId } from '../../src/directory/id.ts'
import type { Actor } from '../../src/directory/ports/people.ts'
import type { Database } from '../../src/storage/connection.ts'
import { journal } from '../../src/storage/journal.ts'

export const testActor: Actor = { name: 'cli', reason: 'test' }

export interface SeedPerson {
  readonly username: string
  readonly lifecycle?: 'staged' | 'active'
  readonly mail?: string | null
}

let lastNumber = 400_000

/** Puts people into a database in one transaction, with their journal rows; gives their ids. */
export async function seedPeople(
  database: Database,
  people: readonly SeedPerson[],
): Promise<readonly PrincipalId[]> {
  const { value } = await database.write(async (tx) => {
    const ids: PrincipalId[] = []
    for (const person of people) {
      const id = randomUUID() as string as PrincipalId
      const { version } = await tx
        .insertInto('principal')
        .values({ id, kind: 'person', lifecycle: person.lifecycle ?? 'active' })
        .returning('version')
        .executeTakeFirstOrThrow()
      lastNumber++
      await tx
        .insertInto('person')
        .values({
          id,
          username: person.username,
          username_folded: person.username,
          display_name: `Person ${person.username}`,
          display_name_folded: `person ${person.username}`,
          mail: person.mail ?? null,
          mail_folded: person.mail ?? null,
          uid_number: lastNumber,
          gid_number: lastNumber,
          home_directory: `/home/${person.username}`,
          login_shell: '/bin/bash',
        })
        .execute()
      await tx
        .insertInto('login_name')
        .values({ folded: person.username, principal_id: id, kind: 'username' })
        .execute()
      journal(tx, { kind: 'person', entity: id, version, actor: testActor })
      ids.push(id)
    }
    return ids
  })
  return value
}
