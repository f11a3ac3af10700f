import { PassThrough } from '../sources/pass-through.ts'
import { PostgresSourceAccounts } from '../storage/source-accounts.ts'
import type { DirectoryParts, Observers } from './directory.ts'

/** Passwords checked where people come from, on every daemon. */
export function makePassThrough(
  directory: DirectoryParts,
  { log, metrics }: Observers,
): PassThrough {
  const { database, sourceRegistry, readModel } = directory
  return new PassThrough({
    registry: sourceRegistry,
    accounts: new PostgresSourceAccounts(database),
    directory: readModel,
    onForwarded: ({ source, outcome, code, alert }) => {
      metrics.passwordForwarded(source, outcome)
      if (alert !== null) log.warn('pass-through.alert', { source, outcome, code, alert })
    },
    onFault: (error) => log.warn('pass-through.fault', { error }),
  })
}
