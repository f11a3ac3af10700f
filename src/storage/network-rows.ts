import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import { foldText } from '../directory/fold.ts'
import {
  methodsWithCode,
  type Network,
  NO_TIMES,
  type RadiusMethod,
  type SecondFactorRule,
} from '../directory/network.ts'
import type { NewNas, NewNetwork } from '../directory/ports/resources.ts'
import { type NetworkPolicy, sealCoaSecret, sealSecrets } from './entities/networks.ts'
import type { Keys } from './sealing.ts'
import type { Tx } from './written.ts'

interface NasInsert {
  readonly id: string
  readonly nas: NewNas
  readonly keys: Keys
}

interface NasUpdate {
  readonly id: string
  readonly change: Partial<NewNas>
  readonly keys: Keys
}

/** @returns the version of the new row */
export async function insertNas(tx: Tx, { id, nas, keys }: NasInsert): Promise<number> {
  const { version } = await tx
    .insertInto('nas')
    .values({
      id,
      name: nas.name,
      name_folded: foldText(nas.name),
      addresses: sql`${[...nas.addresses]}::text[]::cidr[]`,
      secrets: sealSecrets(keys, id, nas.secrets),
      secret_no: Math.max(nas.secrets.length, 1),
      require_message_authenticator: nas.requireMessageAuthenticator,
      limit_proxy_state: nas.limitProxyState,
      radsec: nas.radsec === null ? null : JSON.stringify(nas.radsec),
      ...dynamicColumns(id, nas, keys),
      ...(nas.rate === undefined ? {} : { rate: nas.rate }),
    })
    .returning('version')
    .executeTakeFirstOrThrow()
  return version
}

/** @returns the row's new version; null when there is no such row */
export async function updateNasRow(tx: Tx, parts: NasUpdate): Promise<number | null> {
  const { id, change, keys } = parts
  const row = await tx
    .updateTable('nas')
    .set({
      version: sql`nextval('entity_version')`,
      ...(change.name === undefined
        ? {}
        : { name: change.name, name_folded: foldText(change.name) }),
      ...(change.addresses === undefined
        ? {}
        : { addresses: sql`${[...change.addresses]}::text[]::cidr[]` }),
      ...(change.secrets === undefined
        ? {}
        : {
            secrets: sealSecrets(keys, id, change.secrets),
            secret_no: sql<number>`secret_no + 1`,
            old_secrets_until: null,
          }),
      ...(change.requireMessageAuthenticator === undefined
        ? {}
        : // Said anew, it is learnt anew.
          { require_message_authenticator: change.requireMessageAuthenticator, signed_at: null }),
      ...(change.limitProxyState === undefined
        ? {}
        : { limit_proxy_state: change.limitProxyState }),
      ...(change.radsec === undefined
        ? {}
        : { radsec: change.radsec === null ? null : JSON.stringify(change.radsec) }),
      ...dynamicColumns(id, change, keys),
      ...(change.rate === undefined ? {} : { rate: change.rate }),
    })
    .where('id', '=', id)
    .returning('version')
    .executeTakeFirst()
  return row?.version ?? null
}

function dynamicColumns(
  id: string,
  { dynamicAuthorization: { mode, port, secret } = {} }: Pick<NewNas, 'dynamicAuthorization'>,
  keys: Keys,
) {
  return {
    ...(mode === undefined ? {} : { dynamic_authorization: mode }),
    ...(port === undefined ? {} : { coa_port: port }),
    ...(secret === undefined
      ? {}
      : { coa_secret: secret === null ? null : sealCoaSecret(keys, id, secret) }),
  }
}

function toPolicy(network: NewNetwork): NetworkPolicy {
  const { name: _name, priority: _priority, ...policy } = network
  const { secondFactor = null, requireCryptoBinding = false } = policy
  const { resumption = false, guests = false } = policy
  requireCode(secondFactor, policy.methods)
  if (guests && secondFactor !== null) throw guestsWithCode()
  return { ...NO_TIMES, ...policy, secondFactor, requireCryptoBinding, resumption, guests }
}

function guestsWithCode(): DirectoryError {
  return new DirectoryError(
    'DIRECTORY_REFUSED',
    'guests have no one-time code, so none would get in: give them a network of their own',
  )
}

/** A network that asks for codes has no method by which they cannot come. */
function requireCode(rule: SecondFactorRule | null, methods: readonly RadiusMethod[]): void {
  if (rule === null) return
  const ways = methodsWithCode[rule]
  const without = methods.filter((method) => !ways.includes(method))
  if (without.length === 0) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `a code cannot come along by ${without.join(', ')}, which would be ways round it: allow only ${ways.join(', ')}`,
  )
}

/** @returns the version of the new row */
export async function insertNetwork(tx: Tx, id: string, network: NewNetwork): Promise<number> {
  const { version } = await tx
    .insertInto('network')
    .values({
      id,
      name: network.name,
      name_folded: foldText(network.name),
      priority: network.priority,
      policy: JSON.stringify(toPolicy(network)),
    })
    .returning('version')
    .executeTakeFirstOrThrow()
  return version
}

/** @returns the row's new version; null when there is no such row */
export async function updateNetworkRow(
  tx: Tx,
  id: string,
  change: Partial<NewNetwork>,
): Promise<number | null> {
  const before = await tx
    .selectFrom('network')
    .selectAll()
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
  if (!before) return null
  const policy = before.policy as Omit<Network, 'kind' | 'id' | 'version' | 'name' | 'priority'>
  const after: NewNetwork = { ...policy, name: before.name, priority: before.priority, ...change }
  const row = await tx
    .updateTable('network')
    .set({
      version: sql`nextval('entity_version')`,
      name: after.name,
      name_folded: foldText(after.name),
      priority: after.priority,
      policy: JSON.stringify(toPolicy(after)),
    })
    .where('id', '=', id)
    .returning('version')
    .executeTakeFirst()
  return row?.version ?? null
}
