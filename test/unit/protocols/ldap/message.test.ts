import t from 'tap'
import {
  BerReader,
  BerWriter,
  decodeMessage,
  decodePagedResults,
  encodeMessage,
  encodePagedResults,
  type Filter,
  LdapError,
  Oid,
  type Operation,
} from '../../../../protocols/ldap/index.ts'
import { aSearch } from '../../../support/ldap-client.ts'
import { readVectors } from '../../../support/vector-file.ts'

/** As the vector files write it: bytes as hex. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, part: unknown) => {
      const bytes = part as { type?: unknown; data?: readonly number[] } | null
      return bytes?.type === 'Buffer' ? Buffer.from(bytes.data ?? []).toString('hex') : part
    }),
  )
}

for (const file of ['requests', 'responses', 'refused']) {
  await t.test(`LDAPMessage: every vector of ${file}.txt`, async (t) => {
    for (const { name, decode, error, value, encode } of readVectors(`ldap/${file}.txt`)) {
      if (error !== null) {
        t.throws(() => decodeMessage(decode), { name: 'LdapError', code: error }, name)
        continue
      }
      const message = decodeMessage(decode)
      t.same(plain(message), value, name)
      t.same(encodeMessage(message), encode, `${name}, encoded again`)
    }
  })
}

await t.test(
  'LDAPMessage: every cut of every valid message is refused with the codec’s own error',
  async (t) => {
    let cuts = 0
    for (const { name, decode } of [
      ...readVectors('ldap/requests.txt'),
      ...readVectors('ldap/responses.txt'),
    ]) {
      for (let length = 0; length < decode.length; length++) {
        cuts++
        try {
          decodeMessage(decode.subarray(0, length))
          t.ok(false, `${name} cut to ${length} bytes was accepted`)
        } catch (error) {
          if (!(error instanceof LdapError)) t.ok(false, `${name} cut to ${length}: ${error}`)
        }
      }
    }
    t.ok(cuts > 1_000)
  },
)

await t.test('BER: a refusal carries no stack, as it must be cheap', async (t) => {
  try {
    decodeMessage(Buffer.alloc(4))
    t.ok(false, 'accepted')
  } catch (error) {
    t.equal(String((error as Error).stack).includes('reader.ts'), false)
  }
})

await t.test('BER: integers come back as they went, in their shortest form', async (t) => {
  for (const [value, bytes] of [
    [0, '020100'],
    [127, '02017f'],
    [128, '02020080'],
    [256, '02020100'],
    [32_767, '02027fff'],
    [32_768, '0203008000'],
    [8_388_608, '020400800000'],
    [2_147_483_647, '02047fffffff'],
    [-1, '0201ff'],
    [-128, '020180'],
    [-129, '0202ff7f'],
    [-2_147_483_648, '020480000000'],
  ] as const) {
    t.equal(new BerWriter().integer(value).view().toString('hex'), bytes, `${value}`)
    t.equal(new BerReader(Buffer.from(bytes, 'hex')).integer(), value, bytes)
  }
})

await t.test('BER: lengths take their shortest form at every border', async (t) => {
  for (const [length, header] of [
    [127, '047f'],
    [128, '048180'],
    [255, '0481ff'],
    [256, '04820100'],
    [65_535, '0482ffff'],
    [65_536, '0483010000'],
    [16_777_216, '048401000000'],
  ] as const) {
    const bytes = new BerWriter().octets(Buffer.alloc(length)).view()
    t.equal(bytes.subarray(0, header.length / 2).toString('hex'), header)
    t.equal(new BerReader(bytes).octets().length, length)
  }
})

await t.test(
  'BER: nesting deeper than 128 and more than 100,000 elements are refused',
  async (t) => {
    const deep = Buffer.from('3080'.repeat(1))
    t.throws(() => new BerReader(deep).enter(0x30), { code: 'LDAP_MALFORMED' })
    const writer = new BerWriter()
    const opened = Array.from({ length: 130 }, () => writer.open(0x30))
    for (const start of opened.toReversed()) writer.close(start)
    const reader = new BerReader(writer.view())
    t.throws(
      () => {
        for (let depth = 0; depth < 130; depth++) reader.enter(0x30)
      },
      { code: 'LDAP_MALFORMED', message: 'BER nested too deep' },
    )
    const many = new BerReader(Buffer.alloc(2 * 100_001, '0400', 'hex'))
    t.throws(
      () => {
        for (;;) many.skip()
      },
      { code: 'LDAP_LIMIT' },
    )
  },
)

await t.test(
  'BER: a name longer than 64 KiB is refused, a value of that length is not',
  async (t) => {
    const long = Buffer.alloc(64 * 1024 + 1, 'a')
    const named = new BerWriter().octets(long).view()
    t.throws(() => new BerReader(named).text(), { code: 'LDAP_LIMIT' })
    t.equal(new BerReader(named).octets().length, long.length)
  },
)

await t.test('paged results: RFC 2696 §2, the value comes back as it went', async (t) => {
  const cookie = Buffer.from('cookie')
  const control = encodePagedResults({ size: 126, cookie })
  t.equal(control.type, Oid.pagedResults)
  t.equal(control.value?.toString('hex'), '300b02017e0406636f6f6b6965')
  t.same(decodePagedResults(control), { size: 126, cookie })
})

await t.test('paged results: a damaged value fails the operation, not the session', async (t) => {
  for (const value of [null, '', '3000', '300502017e04', '30050201ff0400', '300502017e040000']) {
    const control = {
      type: Oid.pagedResults,
      isCritical: true,
      value: value === null ? null : Buffer.from(value, 'hex'),
    }
    t.throws(() => decodePagedResults(control), { code: 'LDAP_PROTOCOL' }, `${value}`)
  }
})

await t.test(
  'limits: a message of more parts than allowed fails alone, at the first one too many',
  async (t) => {
    const names = (count: number) => Array.from({ length: count }, (_, at) => `a${at}`)
    const attributes = (count: number) => names(count).map((type) => ({ type, values: [] }))
    const change = (attribute: { type: string; values: Buffer[] }) => {
      return { operation: 'add' as const, attribute }
    }
    const plainSearch = aSearch('(cn=a)')
    const pieces = (count: number) => {
      const any = names(count).map((text) => Buffer.from(text))
      return { kind: 'substrings' as const, attribute: 'cn', initial: null, any, final: null }
    }
    const result = { code: 10, matchedDn: '', diagnostic: '' }
    for (const [limit, operationOf] of [
      [1_024, (count: number) => ({ ...plainSearch, attributes: names(count) })],
      [64, (count: number) => ({ ...plainSearch, filter: pieces(count) })],
      [
        4_095,
        (count: number) => {
          const filters = names(count).map((attribute) => ({ kind: 'present' as const, attribute }))
          return { ...plainSearch, filter: { kind: 'or' as const, filters } }
        },
      ],
      [
        4_096,
        (count: number) => ({
          kind: 'addRequest' as const,
          entry: '',
          attributes: attributes(count),
        }),
      ],
      [
        4_096,
        (count: number) => {
          const changes = attributes(count).map(change)
          return { kind: 'modifyRequest' as const, object: '', changes }
        },
      ],
      [
        64,
        (count: number) => ({
          kind: 'searchResultDone' as const,
          ...result,
          referral: names(count),
        }),
      ],
    ] as const) {
      const decode = (count: number) =>
        decodeMessage(encodeMessage({ messageId: 1, controls: [], operation: operationOf(count) }))
      t.ok(decode(limit), `${limit} are allowed`)
      t.throws(() => decode(limit + 1), { code: 'LDAP_LIMIT' }, `${limit + 1} are not`)
    }
  },
)

await t.test(
  'limits: assertion values of one request, alone or together, are refused',
  async (t) => {
    const most = 64 * 1024
    const search = (filter: Filter): Operation => aSearch('(cn=x)', { filter })
    const equal = (bytes: number): Filter => ({
      kind: 'equal',
      attribute: 'cn',
      value: Buffer.alloc(bytes, 'x'),
    })
    const any = Array.from({ length: 8 }, () => Buffer.alloc(most / 8 + 1))
    const pieces: Filter = { kind: 'substrings', attribute: 'cn', initial: null, any, final: null }
    const compare = (bytes: number): Operation => ({
      kind: 'compareRequest',
      entry: '',
      attribute: 'cn',
      value: Buffer.alloc(bytes),
    })
    for (const [operation, isRefused] of [
      [search(equal(most)), false],
      [search(equal(most + 1)), true],
      [search({ kind: 'and', filters: [equal(most / 2), equal(most / 2)] }), false],
      [search({ kind: 'or', filters: [equal(most / 2), equal(most / 2 + 1)] }), true],
      [search(pieces), true],
      [compare(most), false],
      [compare(most + 1), true],
    ] as const) {
      const bytes = encodeMessage({ messageId: 1, controls: [], operation })
      if (isRefused) t.throws(() => decodeMessage(bytes), { code: 'LDAP_LIMIT' })
      else t.same(decodeMessage(bytes).operation, operation)
    }
  },
)
