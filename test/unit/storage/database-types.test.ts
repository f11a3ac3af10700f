import { readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { renderCatalogTypes } from '../../support/catalog-types.ts'
import { eachEngine } from '../../support/database.ts'

const FILE = new URL('../../../src/storage/database.ts', import.meta.url)

// GATEHOUSE_WRITE_TYPES=1 renders the file anew after a migration was added.
await eachEngine(t, 'the types of the tables are those of the catalog', async (t, database) => {
  const rendered = await renderCatalogTypes(database.kysely)
  if (process.env['GATEHOUSE_WRITE_TYPES']) await writeFile(FILE, rendered)
  t.equal(await readFile(FILE, 'utf8'), rendered)
})
