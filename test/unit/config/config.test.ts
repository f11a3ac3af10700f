import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ConfigError, makeConfig } from '../../../src/config/config.ts'
import { parseListen } from '../../../src/config/listen.ts'
import { loadConfig } from '../../../src/config/load.ts'

t.test('listen: the forms an admin may write', async (t) => {
  const cases: [string, unknown][] = [
    ['off', []],
    ['127.0.0.1:389', [{ host: '127.0.0.1', port: 389 }]],
    ['[::1]:389', [{ host: '::1', port: 389 }]],
    ['389', [{ host: '*', port: 389 }]],
    [':389', [{ host: '*', port: 389 }]],
    [
      'a.example:1, b.example:2',
      [
        { host: 'a.example', port: 1 },
        { host: 'b.example', port: 2 },
      ],
    ],
    ['', 'is empty; write `off` to close this listener'],
    ['host', '"host" is not host:port, [IPv6]:port or a port'],
    ['h:70000', '"h:70000" has a port above 65535'],
    ['[zz]:1', '"[zz]:1" has no IPv6 address in its brackets'],
    ['::1:389', '"::1:389" is not host:port, [IPv6]:port or a port'],
  ]
  for (const [text, expected] of cases) t.same(parseListen(text), expected, text)
})

t.test(
  'config: the proxies in front are addresses or blocks, and each fault is said',
  async (t) => {
    const make = (text: string) =>
      makeConfig(new Map([['trusted_proxies', { text, place: 'file: trusted_proxies' }]]), '/srv')
    const sound = ['10.1.2.3', '10.20.0.0/16', '2001:db8::/32', '::1']
    t.same(make(sound.join(', ')).trustedProxies, sound)
    const faultsOf = (text: string) => {
      try {
        make(text)
        return []
      } catch (error) {
        return (error as ConfigError).faults
      }
    }
    const cases: [string, RegExp][] = [
      ['proxy.example', /no address/],
      ['loopback', /no address/],
      ['10.0.0.0/33', /no address/],
      ['10.0.0.0/', /no address/],
      ['10.0.0.0/255.0.0.0', /no address/],
      ['10.0.0.0/8/8', /no address/],
      ['fe80::1%eth0', /no address/],
      ['0.0.0.0/0', /every address/],
      ['::/0', /every address/],
    ]
    for (const [text, words] of cases) t.match(faultsOf(text), [words], text)
    t.match(faultsOf('a, 10.0.0.1, b'), [/^file: trusted_proxies: "a"/, /"b"/])
  },
)

t.test('config: defaults are complete, safe and frozen', async (t) => {
  const config = makeConfig(new Map(), '/srv')
  t.equal(config.dataDir, '/srv/data')
  t.equal(config.keyFile, '/srv/data.key', 'the key is no part of the data')
  t.same(config.listen.http, [{ host: '127.0.0.1', port: 8080 }])
  t.equal(config.maxStalenessMs, 300_000)
  t.ok(Object.isFrozen(config) && Object.isFrozen(config.listen))
})

t.test('config: every fault is reported at once, with its place', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-config-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'gatehouse.yaml')
  writeFileSync(
    file,
    'ldap_listen: nowhere\nlog-level: info\nhttp_listen: 0.0.0.0:80\nmax_staleness: -1\n',
  )
  const env = {
    GATEHOUSE_LOG_LEVEL: 'loud',
    GATEHOUSE_DATABASE_URL: 'mysql://u:secret@h/d',
    GATEHOUSE_TLS_CERT_FILE: 'c.pem',
    PATH: '/bin',
  }
  try {
    loadConfig({ file, env })
    t.fail('was accepted')
  } catch (error) {
    t.ok(error instanceof ConfigError)
    const { faults } = error as ConfigError
    const expected = [
      /ldap_listen: "nowhere"/,
      /log-level: is no setting \(did you mean log_level\?\)/,
      /http_listen: .*unencrypted/,
      /max_staleness: "-1"/,
      /GATEHOUSE_LOG_LEVEL: "loud"/,
      /GATEHOUSE_DATABASE_URL/,
      /tls_key_file: is missing/,
    ]
    for (const pattern of expected)
      t.ok(
        faults.some((fault) => pattern.test(fault)),
        String(pattern),
      )
    t.equal(faults.length, expected.length)
    t.notOk(faults.join().includes('secret'), 'a password in a URL is not repeated')
  }
})

t.test('config: token files have names, and paths from where the file is', async (t) => {
  const read = (value: string) =>
    loadConfig({ env: { GATEHOUSE_FEDERATED_TOKENS: value } }).tokenFiles
  t.same(
    [...read(' cluster=/run/token , build = tokens/b=1 ')],
    [
      ['cluster', '/run/token'],
      ['build', join(process.cwd(), 'tokens/b=1')],
    ],
  )
  t.same([...read('')], [])
  for (const [value, fault] of [
    ['/run/token', /"\/run\/token" is not of the form name=\/path\/to\/token/],
    ['a=', /not of the form/],
    ['../a=/run/token', /not of the form/],
    ['a=/x,a=/y', /names a twice/],
    [Array.from({ length: 33 }, (_, at) => `n${at}=/x`).join(','), /names 33 files; 32 at most/],
  ] as const)
    t.throws(() => read(value), { message: fault }, value)
})

t.test(
  'config: the environment wins over the file, and a secret may stand in a file',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gh-config-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'gatehouse.yaml')
    writeFileSync(
      file,
      'data_dir: here\nldap_listen:\n  - 127.0.0.1:1389\n  - "[::1]:1389"\nlog_level: warn\n',
    )
    writeFileSync(join(folder, 'url'), 'postgres://a@b/c\n')
    const config = loadConfig({
      file,
      env: { GATEHOUSE_LOG_LEVEL: 'debug', GATEHOUSE_DATABASE_URL_FILE: join(folder, 'url') },
    })
    t.equal(config.logLevel, 'debug')
    t.equal(config.dataDir, join(folder, 'here'), 'paths start at the file')
    t.equal(config.databaseUrl, 'postgres://a@b/c')
    t.equal(config.listen.ldap.length, 2)
  },
)

t.test(
  'config: an unknown variable with our prefix is refused, those of tests are not',
  async (t) => {
    t.throws(
      () => loadConfig({ env: { GATEHOUSE_LDAP_LISTNE: 'off' } }),
      /GATEHOUSE_LDAP_LISTNE: is no setting \(did you mean ldap_listen\?\)/,
    )
    t.ok(loadConfig({ env: { GATEHOUSE_TEST_PG: 'x' } }))
  },
)
