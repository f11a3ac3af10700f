import { createReadStream, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Each form in which a mark may stand somewhere, by its name. */
export function formsOf(mark: string): readonly (readonly [form: string, bytes: Buffer])[] {
  return [
    ['UTF-8', Buffer.from(mark, 'utf8')],
    ['UTF-16LE', Buffer.from(mark, 'utf16le')],
    ...[0, 1, 2].map((offset) => [`base64+${offset}`, base64At(mark, offset)] as const),
  ]
}

/** As it looks inside the base64 of a longer text, at one of the three ways it may be aligned. */
function base64At(mark: string, offset: number): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(offset), Buffer.from(mark)]).toString('base64')
  const from = offset === 0 ? 0 : offset + 1
  const whole = Math.floor(((offset + mark.length) * 8) / 6)
  return Buffer.from(encoded.slice(from, whole), 'latin1')
}

export interface Finding {
  readonly form: string
  readonly at: number
  /** What stands around it, with everything unprintable as a dot. */
  readonly around: string
}

const AROUND = 120

/** Every place in a file, however large, where one of the forms stands. */
export async function findIn(
  file: string,
  forms: readonly (readonly [string, Buffer])[],
): Promise<readonly Finding[]> {
  const found: Finding[] = []
  let rest = Buffer.alloc(0)
  let start = 0
  for await (const chunk of createReadStream(file, { highWaterMark: 8 * 1024 * 1024 })) {
    const bytes = Buffer.concat([rest, chunk as Buffer])
    for (const [form, needle] of forms) {
      for (let at = bytes.indexOf(needle); at !== -1; at = bytes.indexOf(needle, at + 1)) {
        const around = bytes.subarray(Math.max(0, at - AROUND), at + AROUND).toString('latin1')
        found.push({ form, at: start + at, around: around.replace(/[^\x20-\x7e]/g, '.') })
      }
    }
    const kept = Math.min(bytes.length, 2 * AROUND)
    rest = bytes.subarray(bytes.length - kept)
    start += bytes.length - kept
  }
  // What stands in the overlap is seen twice.
  return [...new Map(found.map((one) => [`${one.form}|${one.at}`, one])).values()]
}

/** All files below a folder. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat?.isDirectory() === true) return filesBelow(path)
    return stat?.isFile() === true ? [path] : []
  })
}
