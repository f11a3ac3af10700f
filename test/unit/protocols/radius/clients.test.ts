import t from 'tap'
import {
  ClientTable,
  formatAddress,
  normalizeAddress,
  parseAddress,
  parseCidr,
  type RadiusClient,
  SharedSecret,
} from '../../../../protocols/radius/index.ts'
import { expandListeners } from '../../../../protocols/radius/local-addresses.ts'

function client(name: string, ...addresses: string[]): RadiusClient {
  return {
    name,
    addresses,
    secrets: [new SharedSecret(Buffer.from(name))],
    requireMessageAuthenticator: 'no',
    limitProxyState: true,
  }
}

t.test('addresses: parsed to bytes, mapped IPv4 as IPv4, zones dropped', async (t) => {
  const cases: [string, string | null][] = [
    ['192.0.2.1', 'c0000201'],
    ['::ffff:192.0.2.1', 'c0000201'],
    ['::ffff:c000:201', 'c0000201'],
    ['2001:db8::1', '20010db8000000000000000000000001'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['::', '00000000000000000000000000000000'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['192.0.2', null],
    ['nonsense', null],
    ['', null],
  ]
  for (const [text, hex] of cases) t.equal(parseAddress(text)?.toString('hex') ?? null, hex, text)
  t.equal(formatAddress(Buffer.from('20010db8000000000000000000000001', 'hex')), '2001:db8::1')
  t.equal(formatAddress(Buffer.from([192, 0, 2, 1])), '192.0.2.1')
  t.equal(normalizeAddress('::ffff:192.0.2.1'), '192.0.2.1')
  t.equal(normalizeAddress('192.0.2.1'), '192.0.2.1')
  t.equal(normalizeAddress('2001:DB8:0::1'), '2001:db8::1')
})

t.test('CIDR blocks: bits behind the prefix are cleared, nonsense is null', async (t) => {
  const cases: [string, [string, number] | null][] = [
    ['10.1.2.3/8', ['0a000000', 8]],
    ['10.1.2.3', ['0a010203', 32]],
    ['10.1.2.255/25', ['0a010280', 25]],
    ['0.0.0.0/0', ['00000000', 0]],
    ['2001:db8:ffff::/33', ['20010db8800000000000000000000000', 33]],
    ['::ffff:10.0.0.0/104', ['0a000000', 8]],
    ['10.0.0.0/33', null],
    ['10.0.0.0/-1', null],
    ['10.0.0.0/8/8', null],
    ['::/129', null],
    ['nas.example.test', null],
  ]
  for (const [text, expected] of cases) {
    const cidr = parseCidr(text)
    t.same(cidr && [cidr.network.toString('hex'), cidr.prefixLength], expected, text)
  }
})

t.test('clients: the longest prefix over all clients wins, in both families', async (t) => {
  const table = new ClientTable([
    client('anybody', '0.0.0.0/0'),
    client('campus', '10.0.0.0/8', '2001:db8::/32'),
    client('floor', '10.1.0.0/16'),
    client('ap', '10.1.2.3', '2001:db8:1::5', 'not an address'),
  ])
  const cases: [string, string | null][] = [
    ['10.1.2.3', 'ap'],
    ['::ffff:10.1.2.3', 'ap'],
    ['10.1.2.4', 'floor'],
    ['10.2.0.1', 'campus'],
    ['192.0.2.1', 'anybody'],
    ['2001:db8:1::5', 'ap'],
    ['2001:db8:1::6', 'campus'],
    ['2001:db9::1', null],
  ]
  for (const round of [1, 2]) {
    for (const [address, name] of cases) {
      t.equal(table.find(address)?.name ?? null, name, `${address}, look-up ${round}`)
    }
  }
  t.equal(
    new ClientTable([client('a', '10.0.0.1'), client('b', '10.0.0.1')]).find('10.0.0.1')?.name,
    'a',
  )
})

t.test(
  'clients: a scan from many sources does not make the table forget whom it serves',
  async (t) => {
    const table = new ClientTable([client('ap', '10.1.2.3')])
    let found = 0
    for (let n = 0; n < 10_000; n += 1) {
      if (table.find(`192.${n >> 8}.${n & 255}.1`) !== null) found += 1
    }
    t.equal(found, 0)
    t.equal(table.find('10.1.2.3')?.name, 'ap')
  },
)

t.test(
  'listeners: a wildcard becomes each local address, a listed one stays required',
  async (t) => {
    const entry = { netmask: '', mac: '', internal: false, cidr: null }
    const interfaces = {
      lo: [{ ...entry, address: '127.0.0.1', family: 'IPv4' as const }],
      eth0: [
        { ...entry, address: '192.0.2.7', family: 'IPv4' as const },
        { ...entry, address: '2001:db8::7', family: 'IPv6' as const, scopeid: 0 },
        { ...entry, address: 'fe80::7', family: 'IPv6' as const, scopeid: 2 },
      ],
    }
    const all = ['127.0.0.1', '192.0.2.7', '2001:db8::7', 'fe80::7%eth0']
    const cases: [string, string[]][] = [
      ['*', all],
      ['::', all],
      ['0.0.0.0', ['127.0.0.1', '192.0.2.7']],
      ['192.0.2.9', ['192.0.2.9']],
    ]
    for (const [host, hosts] of cases) {
      const expanded = expandListeners([{ host, port: 1812 }], interfaces)
      t.same(
        expanded.map((each) => each.host),
        hosts,
        host,
      )
      t.ok(expanded.every(({ isRequired }) => isRequired === (host === '192.0.2.9')))
    }
    const twice = expandListeners(
      [
        { host: '*', port: 1 },
        { host: '127.0.0.1', port: 1 },
      ],
      interfaces,
    )
    t.equal(twice.length, 4, 'the same address and port is one socket')
  },
)
