import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import {
  type NamedAttribute,
  parseAttribute,
  replyAttributes,
} from '../../../../protocols/radius/index.ts'

const hex = (name: string, value: string) => {
  const attribute = parseAttribute(name, value)
  return `${attribute.type} ${attribute.value.toString('hex')}`
}

t.test('values: by name, as number, address, prefix, text and octets', async (t) => {
  t.equal(hex('Service-Type', 'Administrative-User'), '6 00000006')
  t.equal(hex('service-type', 'administrative-user'), '6 00000006')
  t.equal(hex('Service-Type', '6'), '6 00000006')
  t.equal(hex('Tunnel-Type', 'VLAN'), '64 0000000d')
  t.equal(
    hex('Framed-Route', '10.0.0.0/8 192.0.2.1 1'),
    `22 ${Buffer.from('10.0.0.0/8 192.0.2.1 1').toString('hex')}`,
  )
  t.equal(hex('Framed-IPv6-Prefix', '2001:db8:1::/48'), '97 003020010db80001')
  t.equal(hex('Delegated-IPv6-Prefix', '::/0'), '123 0000')
  t.equal(hex('Login-IP-Host', '192.0.2.7'), '14 c0000207')
  t.equal(hex('User-Priority-Table', '0x0001020304050607'), '59 0001020304050607')
  t.equal(
    hex('Cisco-AVPair', 'shell:priv-lvl=15'),
    `26 000000090113${Buffer.from('shell:priv-lvl=15').toString('hex')}`,
  )
  t.equal(hex('Airespace-QOS-Level', 'Platinum'), '26 00003763020600000002')
  t.equal(hex('MS-Primary-DNS-Server', '192.0.2.53'), '26 000001371c06c0000235')
  t.equal(hex('9:250', '0xcafe'), '26 00000009fa04cafe')
  t.equal(hex('ubiquiti:1', '0x00000001'), '26 0000a098010600000001')
})

t.test('values: what does not fit is refused, with what would', async (t) => {
  const cases: [string, string, RegExp][] = [
    ['Service-Type', 'Root', /not an integer in range, nor one of Login-User, /],
    ['Session-Timeout', '4294967296', /not an integer in range$/],
    ['Framed-IPv6-Prefix', '192.0.2.0/24', /not an IPv6 prefix/],
    ['MS-Primary-DNS-Server', '::1', /not an address/],
    ['Cisco-AVPair', 'x'.repeat(248), /248 bytes/],
    ['9:250', 'text', /0x…/],
    ['9:256', '0x00', /unknown attribute/],
    ['0:1', '0x00', /unknown attribute/],
    ['Nobody:1', '0x00', /unknown attribute/],
    ['No-Such-Thing', '1', /unknown attribute/],
  ]
  for (const [name, value, message] of cases)
    t.throws(() => parseAttribute(name, value), { code: 'RADIUS_BAD_ATTRIBUTE', message }, name)
})

/** FreeRADIUS, as the outside referee of every number, type and value name that is here. */
const DICTIONARIES = '/usr/share/freeradius'
const RFCS = [2865, 2866, 2868, 2869, 3162, 3580, 4372, 4675, 4818, 4849, 5176, 6911, 7268, 6929]
const TYPES: Record<string, string> = {
  text: 'string',
  octets: 'octets',
  integer: 'integer',
  ipv4: 'ipaddr',
  ipv6: 'ipv6addr',
  'ipv6-prefix': 'ipv6prefix',
  time: 'date',
  'tagged-text': 'string',
  'tagged-integer': 'integer',
}

/** Every attribute by name, as `vendor:number type`, and every value's name by attribute and number. */
function readDictionaries(names: readonly string[]) {
  const attributes = new Map<string, string>()
  const values = new Map<string, number>()
  const vendors = new Map<string, string>()
  let vendor = ''
  const read: Record<string, (name: string, second: string, third: string) => void> = {
    VENDOR: (name, id) => vendors.set(name.toLowerCase(), id),
    'BEGIN-VENDOR': (name) => {
      vendor = vendors.get(name.toLowerCase()) ?? ''
    },
    'END-VENDOR': () => {
      vendor = ''
    },
    ATTRIBUTE: (name, number, type) =>
      attributes.set(name, `${vendor}:${number} ${type.toLowerCase()}`),
    VALUE: (name, valueName, number) =>
      values.set(`${attributes.get(name)} ${valueName}`, Number(number)),
  }
  const files = names.map((name) => `${DICTIONARIES}/dictionary.${name}`).filter(existsSync)
  for (const line of files.flatMap((file) => readFileSync(file, 'latin1').split('\n'))) {
    const [keyword = '', name = '', second = '', third = ''] = line.trim().split(/\s+/)
    read[keyword]?.(name, second, third)
  }
  return { attributes, values }
}

t.test(
  'dictionary: FreeRADIUS knows every name by the same number, type and value names',
  { skip: existsSync(DICTIONARIES) ? false : 'no FreeRADIUS dictionaries here' },
  async (t) => {
    const vendorNames = replyAttributes().flatMap(
      ({ vendorName }) => vendorName?.toLowerCase() ?? [],
    )
    const referee = readDictionaries([
      ...RFCS.map((number) => `rfc${number}`),
      ...new Set(vendorNames),
    ])
    const told = ({ vendor, type, value }: NamedAttribute) =>
      `${vendor ?? ''}:${type} ${TYPES[value]}`
    for (const one of replyAttributes()) {
      t.equal(referee.attributes.get(one.name), told(one), one.name)
      for (const [name, number] of Object.entries(one.names ?? {}))
        t.equal(referee.values.get(`${told(one)} ${name}`), number, `${one.name} = ${name}`)
    }
  },
)
