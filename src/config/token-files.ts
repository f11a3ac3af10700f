const MAX_FILES = 32
/** Also what the API takes for a name. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/

/** `name=path` items, separated by commas; each fault is told, and its item left out. */
export function parseTokenFiles(
  given: string,
  to: { readonly toPath: (given: string) => string; readonly fault: (what: string) => void },
): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  const items = given
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  if (items.length > MAX_FILES) to.fault(`names ${items.length} files; ${MAX_FILES} at most`)
  for (const item of items.slice(0, MAX_FILES)) {
    const [, name = '', path = ''] = /^([^=]*)=\s*(.+)$/.exec(item) ?? []
    if (!NAME.test(name.trim()) || path === '')
      to.fault(
        `"${item}" is not of the form name=/path/to/token, the name of a-z, 0-9, ".", "_", "-"`,
      )
    else if (files.has(name.trim())) to.fault(`names ${name.trim()} twice`)
    else files.set(name.trim(), to.toPath(path.trim()))
  }
  return files
}
