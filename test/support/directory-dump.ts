import type { Directory } from '../../src/directory/directory.ts'

/** Everything a read model answers from, as one comparable value; journal numbers on request. */
export function dumpDirectory(
  directory: Directory,
  options: { readonly withUsn?: boolean } = {},
): unknown {
  const entries = [...directory.search({ op: 'always' })].map((entry) => ({
    ...entry.value,
    ...(options.withUsn ? { usn: entry.usn, modifiedAtMs: entry.modifiedAtMs } : {}),
    members: entry.value.kind === 'group' ? [...directory.directMembers(entry.no)] : [],
    groups: [...directory.directGroups(entry.no)],
  }))
  return {
    entries,
    nas: directory.allNas().map((nas) => ({ ...nas, secrets: nas.secrets.map(String) })),
    networks: directory.networks(),
    settings: directory.settings,
  }
}
