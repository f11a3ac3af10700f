import { fileURLToPath } from 'node:url'
import type { DemoFacts } from './facts.ts'
import { shell } from './shell.ts'
import type { DemoTenant } from './tenant.ts'

const PROGRAM = 'scripts/gatehouse.mjs'

/**
 * What a terminal needs so that commands are short: names for addresses and secrets, `gatehouse` and
 * `api` for this daemon, and `seen`, which asks from outside where a person is seen. For bash and zsh.
 */
export function formatEnv(
  facts: DemoFacts,
  parts: { readonly dataDir: string; readonly tenant: DemoTenant; readonly password: string },
): string {
  const { ldap, radius, scim, http } = facts
  const { dataDir, tenant, password } = parts
  const values: Readonly<Record<string, string>> = {
    DEMO: dataDir,
    PASSWORD: password,
    ADMIN_API: `${http.url}/api/v1`,
    ADMIN_TOKEN: http.adminToken,
    LDAP_URL: ldap.ldapsUrl,
    LDAP_CLIENT: ldap.bindDn,
    LDAP_SECRET: ldap.bindPassword,
    BASE_DN: ldap.baseDn,
    PEOPLE_DN: ldap.peopleDn,
    RADIUS_SERVER: `${radius.host}:${radius.authPort}`,
    RADIUS_SECRET: radius.secret,
    SCIM_URL: scim.url,
    SCIM_TOKEN: scim.token,
    CONTROL: tenant.controlUrl,
    TENANT: tenant.tenantId,
    CLIENT: tenant.clientId,
    SECRET_FILE: tenant.secretFile,
    PROVIDER: tenant.providerId,
    PROVIDER_SECRET_FILE: tenant.providerSecretFile,
  }
  const at = ['--login-url', tenant.loginUrl, '--graph-url', tenant.graphUrl]
  return [
    '# Made by the demo, for bash and zsh. It holds secrets of the demo, and of nothing else.',
    ...Object.entries(values).map(([name, value]) => `${name}=${shell(value)}`),
    `SIMULATOR=(${[...at, '--trust-ca', tenant.caFile].map(shell).join(' ')})`,
    `export LDAPTLS_CACERT=${shell(ldap.caFile)}`,
    `gatehouse() { node ${shell(programPath())} --data "$DEMO" "$@"; }`,
    FUNCTIONS,
  ].join('\n')
}

/** The build lies one folder deeper than the sources. */
function programPath(): string {
  const here = fileURLToPath(import.meta.url)
  const up = here.includes('/dist/src/demo/') ? '../../../' : '../../'
  return fileURLToPath(new URL(`${up}${PROGRAM}`, import.meta.url))
}

const FUNCTIONS = `
# api METHOD PATH [BODY]: the admin API
api() {
  if [ -n "\${3-}" ]; then set -- "$1" "$2" -H 'Content-Type: application/json' --data "$3"; fi
  _method=$1 _path=$2
  shift 2
  curl -sS -X "$_method" -H "Authorization: Bearer $ADMIN_TOKEN" "$@" "$ADMIN_API$_path"
  echo
}

# seen USERNAME [PASSWORD]: what others see of a person, asked by their own tools
seen() {
  _password=\${2:-$PASSWORD}
  printf 'Microsoft 365  '
  curl -sS "$CONTROL/truth?select=userPrincipalName,displayName,accountEnabled" |
    node -e 'const { users } = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
      const found = users.find((user) => user.properties.userPrincipalName.split("@")[0] === process.argv[1])?.properties
      console.log(found ? \`\${found.displayName} <\${found.userPrincipalName}>, \${found.accountEnabled ? "enabled" : "disabled"}\` : "nobody")' "$1"
  printf 'LDAP           '
  if command -v ldapsearch >/dev/null; then
    _name=$(ldapsearch -x -LLL -o ldif-wrap=no -H "$LDAP_URL" -D "$LDAP_CLIENT" -w "$LDAP_SECRET" -b "$BASE_DN" "(uid=$1)" cn | sed -n 's/^cn: //p' | head -n 1)
    _bind=$(ldapwhoami -x -H "$LDAP_URL" -D "uid=$1,$PEOPLE_DN" -w "$_password" 2>&1 | head -n 1)
    echo "\${_name:-nobody}; signs in as: $_bind"
  else
    echo 'not asked: ldapsearch is not installed (package ldap-utils, openldap-clients or openldap)'
  fi
  printf 'RADIUS         '
  if command -v radclient >/dev/null; then
    printf 'User-Name="%s", User-Password="%s", Message-Authenticator=0x00' "$1" "$_password" |
      radclient -x -t 3 -r 1 "$RADIUS_SERVER" auth "$RADIUS_SECRET" 2>&1 | sed -n 's/^Received \\([A-Za-z-]*\\).*/\\1/p' | grep . || echo 'no answer'
  else
    echo 'not asked: radclient is not installed (package freeradius-utils)'
  fi
  printf 'SCIM           '
  curl -sS -H "Authorization: Bearer $SCIM_TOKEN" -G "$SCIM_URL/Users" --data-urlencode "filter=userName eq \\"$1\\"" |
    node -e 'const [user] = JSON.parse(require("node:fs").readFileSync(0, "utf8")).Resources
      console.log(user ? \`\${user.displayName}, \${user.active ? "active" : "not active"}\` : "nobody")'
}
`
