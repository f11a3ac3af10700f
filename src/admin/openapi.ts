import { makeApp } from './app.ts'
import type { AdminParts } from './parts.ts'

/** The OpenAPI document of the admin API. It is made from the routes, which need nobody to answer. */
export async function formatOpenApi(): Promise<string> {
  const nobody = {} as AdminParts
  const app = await makeApp(nobody, {
    trustedProxies: [],
    version: '1',
    isLocalSocket: () => true,
    isPlain: () => false,
    onFault: () => undefined,
  })
  const response = await app.inject({ method: 'GET', url: '/api/v1/openapi.json' })
  await app.close()
  return `${JSON.stringify(response.json(), null, 2)}\n`
}
