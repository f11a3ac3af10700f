// `npm run docs`: writes the pages that are made from the sources. Tests compare them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, setup } from './setup.mjs'

await setup()
const { formatConfigurationPage } = await import('../dist/src/config/document.js')
const { formatOpenApi } = await import('../dist/src/admin/openapi.js')
writeFileSync(join(root, 'docs', 'configuration.md'), formatConfigurationPage())
writeFileSync(join(root, 'docs', 'openapi.json'), await formatOpenApi())
