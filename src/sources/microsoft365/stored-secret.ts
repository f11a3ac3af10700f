import type { SourceRegistry, StoredSource } from '../registry.ts'
import { type Microsoft365Secret, parseConfig, parseSecret } from './settings.ts'

/**
 * What a source signs in with from here: its sealed secret, or the file that this daemon's
 * configuration has under the name it gives.
 *
 * @throws {SyntaxError} for a secret that another release, or a hand, has written
 * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE`
 */
export async function readSecretOf(
  registry: Pick<SourceRegistry, 'readSecret' | 'tokenFiles'>,
  source: StoredSource,
): Promise<Microsoft365Secret> {
  const { federatedToken: name } = parseConfig(source.config)
  if (name !== null) {
    const path = registry.tokenFiles.get(name) ?? null
    return { clientSecret: null, privateKey: null, tokenFile: { name, path } }
  }
  const bytes = await registry.readSecret(source)
  try {
    return parseSecret(bytes)
  } finally {
    bytes.fill(0)
  }
}
