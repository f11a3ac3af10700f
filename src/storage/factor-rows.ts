import type { PrincipalId } from '../directory/id.ts'
import type { NewMail } from '../directory/ports/mail.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { FactorProof } from '../directory/ports/second-factors.ts'
import type { Database } from './connection.ts'
import { journal } from './journal.ts'
import { insertMail } from './mail-rows.ts'
import { isProven, lockLiving } from './proof-rows.ts'
import type { Keys } from './sealing.ts'
import type { Tx } from './written.ts'

interface FactorChange {
  readonly principalId: PrincipalId
  /** Null for what proves itself. */
  readonly proof: FactorProof | null
  readonly notice: NewMail | null
  readonly actor: Actor
  /** What the journal calls it, with the prefix `auth.`. */
  readonly what: string
}

/**
 * One transaction with its mail and its journal row, where `run` changes something: it gives what is
 * to be said of it. Null when the proof no longer holds, or `run` finds the same of its own.
 */
export async function changeFactor(
  { database, keys }: { readonly database: Database; readonly keys: Keys },
  change: FactorChange,
  run: (tx: Tx) => Promise<readonly string[] | null>,
): Promise<Written | null> {
  const { principalId, proof, notice, actor, what } = change
  const { value, inboxSeq } = await database.write(async (tx) => {
    await lockLiving(tx, principalId)
    if (proof !== null && !(await isProven(tx, principalId, proof))) return null
    const changed = await run(tx)
    if (changed === null || changed.length === 0) return changed
    if (notice !== null) await insertMail(tx, keys, notice)
    for (const name of changed)
      journal(tx, { kind: `auth.${what}`, entity: principalId, actor, detail: { name } })
    return changed
  })
  return value === null ? null : { changed: value.length, inboxSeq }
}
