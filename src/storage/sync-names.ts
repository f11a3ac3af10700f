import { sql } from 'kysely'
import { chooseNames, GROUP_NAME_MAX, USERNAME_MAX } from '../directory/names.ts'
import type { Tx } from './sync-batch.ts'

/** For each base a username nobody living has, and nobody dead has had within the year. */
export function proposeUsernames(tx: Tx, bases: readonly string[]): Promise<readonly string[]> {
  return chooseNames(
    bases.map((base) => ({ base, maxLength: USERNAME_MAX })),
    async (names) => {
      const { rows } = await sql<{ folded: string }>`
        select folded from login_name where folded = any(${names}::text[])
        union all select username_folded from administrator
          where username_folded = any(${names}::text[])
        union all select name_folded from service where name_folded = any(${names}::text[])
        union all select folded from name_quarantine
          where scope = 'username' and folded = any(${names}::text[])
            and until > clock_timestamp()`.execute(tx)
      return new Set(rows.map((row) => row.folded))
    },
  )
}

/** The same for groups' names. */
export function proposeGroupNames(tx: Tx, bases: readonly string[]): Promise<readonly string[]> {
  return chooseNames(
    bases.map((base) => ({ base, maxLength: GROUP_NAME_MAX })),
    async (names) => {
      const { rows } = await sql<{ folded: string }>`
        select name_folded as folded from directory_group
          where lifecycle = 'active' and name_folded = any(${names}::text[])
        union all select folded from name_quarantine
          where scope = 'group' and folded = any(${names}::text[])
            and until > clock_timestamp()`.execute(tx)
      return new Set(rows.map((row) => row.folded))
    },
  )
}
