import { join } from 'node:path'
import type { Config } from './config.ts'

/** The socket over which the command line speaks to the daemon on the same machine. */
export function adminSocketPath(config: Pick<Config, 'dataDir'>): string {
  return join(config.dataDir, 'admin.sock')
}

/** The built-in CA's certificate, written out for whoever has to trust it. */
export function authorityFile(config: Pick<Config, 'dataDir'>): string {
  return join(config.dataDir, 'ca.pem')
}
