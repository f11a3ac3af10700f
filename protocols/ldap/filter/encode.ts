import { Tag } from '../ber/reader.ts'
import type { BerWriter } from '../ber/writer.ts'
import { AssertionTag, FilterTag } from './decode.ts'
import type { ExtensibleFilter, Filter, SubstringFilter } from './filter.ts'

/** Writes one filter; the inverse of `decodeFilter`. */
export function encodeFilter(writer: BerWriter, filter: Filter): void {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const start = writer.open(FilterTag[filter.kind])
      for (const part of filter.filters) encodeFilter(writer, part)
      writer.close(start)
      return
    }
    case 'not': {
      const start = writer.open(FilterTag.not)
      encodeFilter(writer, filter.filter)
      writer.close(start)
      return
    }
    case 'present':
      writer.text(filter.attribute, FilterTag.present)
      return
    case 'substrings':
      encodeSubstrings(writer, filter)
      return
    case 'extensible':
      encodeExtensible(writer, filter)
      return
    default: {
      const start = writer.open(FilterTag[filter.kind])
      writer.text(filter.attribute).octets(filter.value).close(start)
    }
  }
}

function encodeSubstrings(writer: BerWriter, filter: SubstringFilter): void {
  const start = writer.open(FilterTag.substrings)
  writer.text(filter.attribute)
  const pieces = writer.open(Tag.sequence)
  if (filter.initial !== null) writer.octets(filter.initial, AssertionTag.initial)
  for (const piece of filter.any) writer.octets(piece, AssertionTag.any)
  if (filter.final !== null) writer.octets(filter.final, AssertionTag.final)
  writer.close(pieces).close(start)
}

function encodeExtensible(writer: BerWriter, filter: ExtensibleFilter): void {
  const start = writer.open(FilterTag.extensible)
  if (filter.rule !== null) writer.text(filter.rule, AssertionTag.rule)
  if (filter.attribute !== null) writer.text(filter.attribute, AssertionTag.type)
  writer.octets(filter.value, AssertionTag.value)
  if (filter.isDnMatched) writer.boolean(true, AssertionTag.dnAttributes)
  writer.close(start)
}
