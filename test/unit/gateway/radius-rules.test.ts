import t from 'tap'
import {
  decodePacket,
  encodePacket,
  PacketCode,
  parseAttribute,
} from '../../../protocols/radius/index.ts'
import type { NetworkRule } from '../../../src/directory/network.ts'
import { LdapReporter } from '../../../src/gateway/ldap/reporter.ts'
import { readReport } from '../../../src/gateway/radius/accounting.ts'
import { chooseNetwork } from '../../../src/gateway/radius/choose-network.ts'
import {
  parseDevice,
  parseLoginName,
  parseSsid,
  type RequestFacts,
  readFacts,
} from '../../../src/gateway/radius/facts.ts'
import { RadiusReporter } from '../../../src/gateway/radius/observer.ts'
import { Recent } from '../../../src/gateway/radius/recent.ts'
import {
  checkReplyAttribute,
  makeReplyAttributes,
} from '../../../src/gateway/radius/reply-attributes.ts'
import { SessionClasses } from '../../../src/gateway/radius/session-class.ts'
import type { Log } from '../../../src/observe/log.ts'
import { Metrics } from '../../../src/observe/metrics.ts'
import { aNas, aNetwork, aPerson, MemoryDirectory } from '../../support/directory.ts'

t.test('SSID: what follows the access point in Called-Station-Id (RFC 3580 §3.20)', async (t) => {
  const cases: [string | null, string | null][] = [
    ['02-00-00-00-00-01:corp', 'corp'],
    ['02:00:00:00:00:01:corp', 'corp'],
    ['020000000001:corp', 'corp'],
    ['02-00-00-00-00-01:a:b', 'a:b'],
    ['02-00-00-00-00-01:Gäste WLAN', 'Gäste WLAN'],
    ['ap-3rd-floor:corp', 'corp'],
    ['02-00-00-00-00-01', null],
    ['02:00:00:00:00:01', null],
    ['02-00-00-00-00-01:', null],
    ['vpn.example.test', null],
    ['', null],
    [null, null],
  ]
  for (const [text, ssid] of cases) t.equal(parseSsid(text), ssid, String(text))
})

t.test('device: one spelling for a MAC address, other ids as they come', async (t) => {
  const spellings = [
    '02-11-22-33-44-AB',
    '02:11:22:33:44:ab',
    '0211.2233.44ab',
    '0211223344AB',
    ' 0211223344ab ',
  ]
  for (const text of spellings) t.equal(parseDevice(text), '02:11:22:33:44:ab', text)
  t.equal(parseDevice('192.0.2.9'), '192.0.2.9')
  t.equal(parseDevice('x'.repeat(200))?.length, 64)
  t.equal(parseDevice(''), null)
  t.equal(parseDevice(null), null)
})

t.test('log-in name: the domain Windows puts in front is dropped', async (t) => {
  t.equal(parseLoginName('CONTOSO\\alice'), 'alice')
  t.equal(parseLoginName('alice@contoso.example'), 'alice@contoso.example')
})

t.test(
  'network: the first one of which a rule fits, all conditions of the rule together',
  async (t) => {
    const nas = aNas()
    const other = aNas()
    const facts: RequestFacts = { ssid: 'corp', nasIdentifier: 'ap-1', portType: 19, device: null }
    const cases: [string, NetworkRule[], Partial<RequestFacts>, boolean][] = [
      ['no conditions', [{}], {}, true],
      ['no rules', [], {}, false],
      ['this NAS', [{ nasIds: [nas.id] }], {}, true],
      ['another NAS', [{ nasIds: [other.id] }], {}, false],
      ['SSID', [{ ssids: ['corp'] }], {}, true],
      ['SSID compared exactly', [{ ssids: ['Corp'] }], {}, false],
      ['no SSID in the request', [{ ssids: ['corp'] }], { ssid: null }, false],
      ['no SSID, and allowed so', [{ ssids: ['corp'], withoutSsid: true }], { ssid: null }, true],
      [
        'another SSID, though none is allowed',
        [{ ssids: ['guest'], withoutSsid: true }],
        {},
        false,
      ],
      ['identifier', [{ nasIdentifiers: ['ap-1'] }], {}, true],
      ['port type', [{ portTypes: [5] }], {}, false],
      ['all of them', [{ nasIds: [nas.id], ssids: ['corp'], portTypes: [19] }], {}, true],
      ['one of them not', [{ nasIds: [nas.id], ssids: ['corp'], portTypes: [15] }], {}, false],
      ['the second rule', [{ portTypes: [5] }, { ssids: ['corp'] }], {}, true],
    ]
    for (const [name, rules, change, isChosen] of cases) {
      const network = aNetwork({ rules })
      t.equal(
        chooseNetwork([network], nas, { ...facts, ...change }),
        isChosen ? network : null,
        name,
      )
    }
    const [first, second] = [aNetwork(), aNetwork()]
    t.equal(chooseNetwork([first, second], nas, facts), first)
  },
)

t.test('reply: attributes by name, VLAN as RFC 3580 §3.31 has it, session time-out', async (t) => {
  const session = { timeoutSeconds: 3600, idleTimeoutSeconds: 300, interimSeconds: 600 }
  const attributes = [{ name: 'Filter-Id', value: 'staff' }]
  const shown = makeReplyAttributes({ why: 'staff', vlan: 42, attributes, session })
  t.same(
    shown.map(({ type, value }) => [type, value.toString('hex')]),
    [
      [11, '7374616666'],
      [64, '0000000d'],
      [65, '00000006'],
      [81, '3432'],
      [27, '00000e10'],
      [29, '00000001'],
      [28, '0000012c'],
      [85, '00000258'],
    ],
  )
  t.same(makeReplyAttributes({ why: 'x', vlan: null, attributes: [] }), [])
})

t.test('reply: what an admin may not or cannot say is refused in words', async (t) => {
  const cases: [string, string, RegExp | null][] = [
    ['Filter-Id', 'staff', null],
    ['framed-mtu', '1400', null],
    ['Class', '0x616263', null],
    ['Framed-IP-Address', '192.0.2.1', null],
    ['Tunnel-Private-Group-Id', '7', null],
    ['Tunnel-Type', '13', null],
    ['Framed-IP-Address', '2001:db8::1', /not an address/],
    ['Session-Timeout', '600', /sessionTimeoutSeconds/],
    ['Framed-MTU', 'soon', /not an integer/],
    ['Framed-MTU', '4294967296', /not an integer in range/],
    ['Microsoft:16', '0x00', /keys/],
    ['Acct-Session-Id', '1', /no part of a reply/],
    ['Tunnel-Type', '16777216', /not an integer in range/],
    ['Filter-Id', 'x'.repeat(254), /254 bytes/],
    ['No-Such-Attribute', '1', /unknown attribute/],
    ['Message-Authenticator', '0x00', /set by the server/],
    ['State', 'x', /set by the server/],
    ['tunnel-password', 'hunter2', /^tunnel-password is a secret, .*: set it on the NAS$/],
  ]
  for (const [name, value, expected] of cases) {
    const said = checkReplyAttribute({ name, value })
    if (expected === null) t.equal(said, null, `${name} ${value}`)
    else t.match(said, expected, `${name} ${value}`)
  }
})

t.test('accounting: what a NAS reports, octets past 4 GiB and delays included', async (t) => {
  const alice = aPerson({ username: 'alice' })
  const nas = aNas()
  const directory = new MemoryDirectory(alice).model
  const classes = new SessionClasses([Buffer.alloc(32, 7)])
  const report = (...pairs: [string, string][]) => {
    const attributes = pairs.map(([name, value]) => parseAttribute(name, value))
    const header = {
      code: PacketCode.accountingRequest,
      identifier: 1,
      authenticator: Buffer.alloc(16),
    }
    const packet = decodePacket(encodePacket({ ...header, attributes }))
    const request = { packet, client: { nas }, address: '10.0.0.1' }
    return readReport(request, { directory, classes, nowMs: 1_000_000 })
  }
  t.same(
    report(
      ['Acct-Status-Type', '2'],
      ['User-Name', 'CONTOSO\\Alice'],
      ['Acct-Session-Id', 'AB12'],
      ['Calling-Station-Id', '02-11-22-33-44-55'],
      ['Called-Station-Id', '02-00-00-00-00-01:corp'],
      ['Framed-IP-Address', '10.0.0.9'],
      ['Acct-Session-Time', '120'],
      ['Acct-Input-Octets', '5'],
      ['Acct-Input-Gigawords', '2'],
      ['Acct-Output-Octets', '7'],
      ['Acct-Terminate-Cause', '4'],
      ['Acct-Delay-Time', '30'],
    ),
    {
      nasId: nas.id,
      reporter: '10.0.0.1',
      kind: 'stop',
      sessionId: 'AB12',
      username: 'CONTOSO\\Alice',
      principalId: alice.id,
      device: '02:11:22:33:44:55',
      station: '02-00-00-00-00-01:corp',
      address: '10.0.0.9',
      admission: { networkId: null, credentialId: null, granted: null },
      link: { ssid: 'corp', ipv6: null, signal: null, connectInfo: null },
      identity: {
        from: '10.0.0.1',
        nasIpAddress: null,
        nasIpv6Address: null,
        nasIdentifier: null,
        nasPort: null,
        nasPortId: null,
        multiSessionId: null,
        callingStationId: '02-11-22-33-44-55',
      },
      sessionSeconds: 120,
      inputOctets: 2n ** 33n + 5n,
      outputOctets: 7n,
      endedBecause: 'idle-timeout',
      atMs: 970_000,
    },
  )
  t.match(report(['Acct-Status-Type', '7'], ['NAS-Identifier', 'ap-7']), {
    kind: 'nas-started',
    reporter: 'ap-7',
    sessionId: '',
    principalId: null,
  })
  t.equal(report(['Acct-Status-Type', '9']), null)
  t.equal(report(), null)
  const far = report(['Acct-Status-Type', '1'], ['Acct-Delay-Time', '4294967295'])
  t.equal(far?.atMs, 1_000_000 - 86_400_000)
})

t.test('text with NUL octets, which PostgreSQL keeps nowhere, is made storable', async (t) => {
  const attributes = [
    { type: 30, value: Buffer.from('02-00-00-00-00-01:co\0rp') },
    { type: 31, value: Buffer.from('dev\0ice') },
    { type: 32, value: Buffer.from('ap\0') },
  ]
  const facts = readFacts({ code: 1, identifier: 0, authenticator: Buffer.alloc(16), attributes })
  const expected = { ssid: 'co\ufffdrp', device: 'dev\ufffdice', nasIdentifier: 'ap\ufffd' }
  t.match(facts, expected)
})

t.test('log: spoofed sources write a bounded number of lines, and their sum', async (t) => {
  const lines: { readonly count: number; readonly address: string | null }[] = []
  const write = (_event: string, fields?: unknown): void => {
    lines.push(fields as (typeof lines)[number])
  }
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log }
  const clock = { nowMs: 0 }
  const metrics = new Metrics({ withProcessMetrics: false })
  let recorded = 0
  const events = { record: () => void recorded++ }
  const radius = new RadiusReporter({ metrics, log, events, nowMs: () => clock.nowMs })
  const ldap = new LdapReporter({ metrics, log, nowMs: () => clock.nowMs })
  const drop = { socket: 'auth', port: 1, client: null, detail: null } as const
  for (const happen of [
    (address: string) => radius.dropped({ ...drop, reason: 'unknown-client', address }),
    (address: string) => ldap.refused('too-many-connections', address),
  ]) {
    lines.length = 0
    for (let n = 0; n < 3_000; n += 1) happen(`10.9.${n >> 8}.${n & 255}`)
    t.ok(lines.length <= 20, `${lines.length} lines`)
  }
  t.ok(recorded <= 20, `${recorded} rows`)
})

t.test(
  'log: one line for each kind of trouble and address a minute, the rest counted',
  async (t) => {
    const lines: unknown[] = []
    const write = (_event: string, fields?: unknown): void => void lines.push(fields)
    const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log }
    const clock = { nowMs: 0 }
    const metrics = new Metrics({ withProcessMetrics: false })
    const answers: unknown[] = []
    const events = { record: (event: unknown) => void answers.push(event) }
    const reporter = new RadiusReporter({ metrics, log, events, nowMs: () => clock.nowMs })
    const drop = { socket: 'auth', port: 1, client: 'ap-1', detail: null } as const
    for (let n = 0; n < 5; n += 1) {
      reporter.dropped({ ...drop, reason: 'bad-message-authenticator', address: '192.0.2.1' })
    }
    reporter.dropped({ ...drop, reason: 'unknown-client', address: '192.0.2.1', client: null })
    reporter.dropped({ ...drop, reason: 'duplicate-in-progress', address: '192.0.2.1' })
    clock.nowMs = 61_000
    reporter.dropped({ ...drop, reason: 'bad-message-authenticator', address: '192.0.2.1' })
    t.match(lines, [
      {
        reason: 'bad-message-authenticator',
        nas: 'ap-1',
        hint: /secret of the NAS differs/,
        count: 1,
      },
      { reason: 'unknown-client', nas: null, count: 1 },
      { reason: 'bad-message-authenticator', count: 5 },
    ])
    t.equal(lines.length, 3)
    t.match(answers, [
      { reason: 'bad-message-authenticator', address: '192.0.2.1', detail: { nas: 'ap-1' } },
      { reason: 'unknown-client', method: 'radius-auth' },
      { reason: 'bad-message-authenticator' },
    ])
    const { body } = await metrics.render()
    t.match(body, /radius_dropped_total\{reason="wrong-secret"\} 6/)
    t.match(body, /radius_dropped_total\{reason="unknown-client"\} 1/)
  },
)

t.test('Class: what was made before is given for the same admission only', async (t) => {
  const classes = new SessionClasses([Buffer.alloc(32, 7)])
  const alice = aPerson({ username: 'alice' })
  const admitted = {
    principalId: alice.id,
    networkId: aNetwork().id,
    credentialId: null,
    granted: '01020304',
  }
  const others = [
    { ...admitted, principalId: aPerson({ username: 'bob' }).id },
    { ...admitted, networkId: aNetwork().id },
    { ...admitted, granted: '01020305' },
  ]
  t.equal(classes.make(admitted), classes.make({ ...admitted }))
  for (const one of [admitted, ...others, admitted]) {
    t.same(classes.read([classes.make(one)]), one)
  }
})

t.test('what was worked out lately is bounded: the longest held goes first', async (t) => {
  const recent = new Recent<number>(2)
  for (const [at, key] of ['a', 'b', 'c'].entries()) t.equal(recent.keep(key, at), at)
  t.equal(recent.size, 2)
  t.same(
    ['a', 'b', 'c'].map((key) => recent.find(key)),
    [undefined, 1, 2],
  )
})
