import { Readable } from 'node:stream'
import t from 'tap'
import { parseForm, readForm } from '../../../src/account/form.ts'

const parse = (text: string) => parseForm(Buffer.from(text))

t.test('form: fields are bytes, decoded', async (t) => {
  const form = parse('username=adele.vance&new=caf%C3%A9+%26+%2Bx&empty=&flag')
  t.equal(form?.text('username'), 'adele.vance')
  t.equal(form?.text('new'), 'café & +x')
  t.equal(form?.text('empty'), '')
  t.equal(form?.text('flag'), '')
  t.equal(form?.bytes('none').length, 0)
  t.equal(parse('a=1&a=2')?.text('a'), '1', 'the first counts')
})

t.test('form: what is cut off, or more than a form of ours has, is refused', async (t) => {
  for (const text of ['a=%', 'a=%4', 'a=%zz', 'a%G0=1']) t.equal(parse(text), null, text)
  t.equal(parse(Array.from({ length: 21 }, (_, at) => `f${at}=1`).join('&')), null)
  t.equal(await readForm(Readable.from([Buffer.alloc(17_000, 0x61)])), null)
})

await t.test('form: what it came in is wiped, and its fields when asked', async (t) => {
  const chunks = [Buffer.from('new=Nine+purp'), Buffer.from('le+owls')]
  const form = await readForm(Readable.from(chunks))
  t.ok(chunks.every((chunk) => chunk.every((byte) => byte === 0)))
  const bytes = form?.bytes('new')
  t.equal(bytes?.toString(), 'Nine purple owls')
  form?.wipe()
  t.ok(bytes?.every((byte) => byte === 0))
})
