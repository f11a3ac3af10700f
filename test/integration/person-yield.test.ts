import { sql } from 'kysely'
import t from 'tap'
import type { Edits } from '../../src/directory/attributes.ts'
import { editPerson, yieldAttributes } from '../../src/storage/person-edits.ts'
import { testDatabase } from '../support/database.ts'
import { aPerson } from '../support/fake-source.ts'
import { fakeImports } from '../support/imports.ts'

await t.test(
  'an address is given back to its source only where that takes none away',
  async (t) => {
    const db = await testDatabase(t)
    const { source, sourceId, bench } = await fakeImports(db)
    source.says('people', [aPerson('a', { mail: 'a@told.example' }), aPerson('b')])
    await bench.round()
    await bench.take('a', 'b')
    await sql`update source set config = config || '{"tier": "write-back"}'`.execute(db.kysely)
    const { rows } = await sql<{ external_id: string; id: string }>`
    select external_id, principal_id as id from source_link
    where source_id = ${sourceId}::uuid order by external_id`.execute(db.kysely)
    const [a = '', b = ''] = rows.map(({ id }) => id)
    const edit = (id: string, edits: Edits) => db.write((tx) => editPerson(tx, id, edits))
    const giveBack = (id: string) => db.write((tx) => yieldAttributes(tx, id, ['mail']))
    const mailOf = async (id: string) => {
      const found = await sql<{ mail: string | null }>`
      select mail from person where id = ${id}::uuid`.execute(db.kysely)
      return found.rows[0]?.mail
    }

    await edit(a, { mail: 'a@here.example' })
    await edit(b, { mail: 'a@told.example' })
    await t.rejects(giveBack(a), {
      code: 'DIRECTORY_REFUSED',
      message: /a@told\.example is an address of/,
    })
    t.equal(await mailOf(a), 'a@here.example')
    await edit(b, { mail: 'b@here.example' })
    await giveBack(a)
    t.equal(await mailOf(a), 'a@told.example')

    await sql`
    update source_link set removed_at = clock_timestamp()
    where principal_id = ${b}::uuid`.execute(db.kysely)
    await t.rejects(giveBack(b), { code: 'DIRECTORY_REFUSED', message: /no source masters/ })
    t.equal(await mailOf(b), 'b@here.example', 'and what she has stays')
  },
)
