/**
 * Tells a simulator what to be or to do, from outside of its process.
 *
 * @throws {Error} with its words, when it refuses
 */
export async function control<T>(
  controlUrl: string,
  method: string,
  path: string,
  json?: unknown,
): Promise<T> {
  const response = await fetch(`${controlUrl}${path}`, {
    method,
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}
