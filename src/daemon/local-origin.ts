/**
 * Where a browser at this machine finds us, by the first of `schemes` that listens; null when none
 * does. Good for a trial: `public_url` is what others need.
 */
export function localOrigin(
  listeners: Readonly<Record<string, readonly string[]>>,
  schemes: readonly ('http' | 'https')[],
): string | null {
  for (const scheme of schemes) {
    const port = /:(\d+)$/.exec(listeners[scheme]?.[0] ?? '')?.[1]
    if (port !== undefined) return `${scheme}://localhost:${port}`
  }
  return null
}
