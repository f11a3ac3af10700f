import { Microsoft365Source } from '../../src/sources/microsoft365/microsoft365.ts'
import { formatSecret, parseConfig } from '../../src/sources/microsoft365/settings.ts'
import type { Database } from '../../src/storage/connection.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { PostgresSourceRegistry } from '../../src/storage/sync-sources.ts'

export const ADMIN = { name: 'admin:bench', reason: null }

/** A simulated tenant as an active source of a directory; nothing of it is read yet. */
export async function connectTenant(
  db: Database,
  tenant: Readonly<
    Record<'tenantId' | 'clientId' | 'clientSecret' | 'loginUrl' | 'graphUrl' | 'caPem', string>
  >,
): Promise<{ source: Microsoft365Source; sourceId: string }> {
  const { tenantId, clientId, clientSecret, loginUrl, graphUrl, caPem: ca } = tenant
  const config = parseConfig({ tenantId, clientId, loginUrl, graphUrl, ca })
  const secret = { clientSecret, privateKey: null }
  const source = new Microsoft365Source({ config, secret })
  const registry = new PostgresSourceRegistry({ db, keys: { current: makeKey(), earlier: [] } })
  const sourceId = await registry.connect(
    {
      kind: 'microsoft365',
      name: 'bench',
      config,
      secret: formatSecret(secret),
      identity: await source.identify(new AbortController().signal),
      state: 'active',
    },
    ADMIN,
  )
  return { source, sourceId }
}
