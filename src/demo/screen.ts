import { relative } from 'node:path'
import type { DemoFacts } from './facts.ts'
import { STAGED, SUSPENDED } from './fill.ts'

const PERSON = 'adele.vance'

/** What the demo shows once it serves: commands that work when pasted. */
export function formatScreen(facts: DemoFacts, dataDir: string): string {
  const { ldap, radius, scim, http, people, microsoft365 } = facts
  const ca = shell(relative(process.cwd(), ldap.caFile) || ldap.caFile)
  const password = shell(people[0]?.password ?? '')
  const bind = `-D ${shell(ldap.bindDn)} -w ${shell(ldap.bindPassword)}`
  const eap = [
    'network={',
    '  ssid="corp"',
    '  key_mgmt=WPA-EAP',
    '  eap=TTLS',
    `  identity="${PERSON}"`,
    '  anonymous_identity="anonymous@contoso.example"',
    `  password="${people[0]?.password ?? ''}"`,
    '  phase2="auth=PAP"',
    `  ca_cert="${radius.caFile}"`,
    `  domain_match="${radius.serverName}"`,
    '}',
  ]
  const gatehouse = `npx gatehouse --data ${shell(relative(process.cwd(), dataDir) || '.')}`
  return `
Gatehouse serves ${people.length} people of Contoso. Ctrl-C ends it; its data stays for the next start.
Everybody's password is ${password}. ${SUSPENDED} is suspended, ${STAGED} is staged.

A server finds a person (LDAP with StartTLS):
  LDAPTLS_CACERT=${ca} ldapsearch -LLL -ZZ -H ${ldap.url} ${bind} -b ${shell(ldap.baseDn)} '(uid=${PERSON})' cn mail uidNumber memberOf

A person signs in to it (LDAPS):
  LDAPTLS_CACERT=${ca} ldapwhoami -H ${ldap.ldapsUrl} -D ${shell(`uid=${PERSON},${ldap.peopleDn}`)} -w ${password}

A laptop joins the Wi-Fi (802.1X, EAP-TTLS/PAP):
  printf '%s\\n' ${eap.map(shell).join(' ')} > ${shell(`${relative(process.cwd(), dataDir)}/corp.conf`)}
  eapol_test -c ${shell(`${relative(process.cwd(), dataDir)}/corp.conf`)} -a ${radius.host} -p ${radius.authPort} -s ${radius.secret} -N 30:s:02-00-00-00-00-01:corp

A VPN asks (RADIUS, PAP):
  printf 'User-Name="${PERSON}", User-Password="%s", Message-Authenticator=0x00' ${password} | radclient -x ${radius.host}:${radius.authPort} auth ${radius.secret}

A cloud app reads the directory (SCIM):
  curl -s -H 'Authorization: Bearer ${scim.token}' -G ${scim.url}/Users --data-urlencode 'filter=userName eq "${PERSON}"'

The admin cuts somebody off, and sees why they are refused:
  ${gatehouse} person list
  ${gatehouse} person suspend ${PERSON} --reason 'left today'
  ${gatehouse} person pushes ${PERSON}
  ${gatehouse} person resume ${PERSON}
  ${gatehouse} log --denied

The admin changes a job, and Microsoft 365 has it as well:
  ${gatehouse} person edit ${PERSON} jobTitle='Head of Retail'

Guests are not imported by themselves; the admin chooses some, looks, and lets them in:
  ${gatehouse} import start
  ${gatehouse} import people --guest
  ${gatehouse} import choose --guest --no-disabled

Somebody joins Contoso (the simulated tenant's control endpoint; then import):
  ${gatehouse} sync --dry-run
  curl -s ${microsoft365.controlUrl}/

Admin API: ${http.url}/api/v1/openapi.json (user ${http.adminUser}, password ${http.adminPassword})
Metrics:   ${http.url}/metrics
Facts for tools: ${shell(`${relative(process.cwd(), dataDir)}/demo.json`)}
`
}

function shell(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
