import { readFileSync } from 'node:fs'

/** The release this is, from the package's own file; the same from sources and from the build. */
export function readVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(
        readFileSync(new URL(place, import.meta.url), 'utf8'),
      ) as { name: string; version: string }
      if (name === 'gatehouse') return version
    } catch {
      // Not at this depth: the build lies one folder deeper.
    }
  }
  return 'unknown'
}
