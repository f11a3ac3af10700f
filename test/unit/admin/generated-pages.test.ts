import { readFileSync } from 'node:fs'
import t from 'tap'
import { formatOpenApi } from '../../../src/admin/openapi.ts'
import { formatConfigurationPage } from '../../../src/config/document.ts'

t.test(
  'docs: pages made from the sources are as the sources say; `npm run docs` writes them',
  async (t) => {
    t.equal(readFileSync('docs/configuration.md', 'utf8'), formatConfigurationPage())
    t.equal(readFileSync('docs/openapi.json', 'utf8'), await formatOpenApi())
  },
)
