import { relative } from 'node:path'
import type { DemoFacts } from './facts.ts'
import { STAGED, SUSPENDED } from './fill.ts'
import { shell } from './shell.ts'
import { TENANT_ADMIN } from './tenant.ts'

const PERSON = 'adele.vance'

/** What the demo shows once it serves: few commands, which work when pasted. */
export function formatScreen(
  facts: DemoFacts,
  parts: { readonly dataDir: string; readonly isEmpty: boolean; readonly password: string },
): string {
  const folder = relative(process.cwd(), parts.dataDir) || '.'
  const isNear = !folder.startsWith('..')
  const env = `${isNear ? folder : parts.dataDir}/env.sh`
  const begin = `
In another terminal (bash or zsh), in this folder:

  . ${shell(isNear && !folder.startsWith('.') ? `./${env}` : env)}
`
  return parts.isEmpty ? emptyScreen(parts.password, begin) : fullScreen(facts, parts, begin)
}

function fullScreen(
  { http, radius, people }: DemoFacts,
  { password }: { readonly password: string },
  begin: string,
): string {
  return `
Gatehouse serves ${people.length} people of Contoso, a simulated Microsoft 365 tenant. Ctrl-C ends it; its data stays.
Everybody's password is ${shell(password)}. ${SUSPENDED} is suspended, ${STAGED} is staged.
${begin}
 1  Where she is seen: in Microsoft 365, and over LDAP, RADIUS and SCIM
      seen ${PERSON}
 2  Cut her off everywhere, see why she is refused, let her in again
      gatehouse person suspend ${PERSON} --reason 'left today'
      seen ${PERSON}
      gatehouse log --denied
      gatehouse person resume ${PERSON}
 3  What is changed here is changed in Microsoft 365
      gatehouse person edit ${PERSON} displayName='Adele Weber'
      seen ${PERSON}
      gatehouse person pushes ${PERSON}
 4  A newcomer chooses a password: open the link
      gatehouse person link ${STAGED}
 5  A password for one device, revoked alone
      gatehouse person app-password add ${PERSON} laptop --ldap --radius
 6  Guests stay outside until somebody chooses them
      gatehouse import start
      gatehouse import choose --guest --no-disabled
 7  Decide here who belongs to a group of Microsoft 365
      gatehouse source set-extra contoso groups
      gatehouse group master sales here
      gatehouse group add sales lee.gu
      gatehouse group pushes sales
 8  What a round did can be taken back; and what leaving would mean
      gatehouse source rounds contoso
      gatehouse source disconnect contoso --people suspend --dry-run
 9  The tools themselves
      ldapsearch -x -LLL -H "$LDAP_URL" -D "$LDAP_CLIENT" -w "$LDAP_SECRET" -b "$BASE_DN" '(uid=${PERSON})' cn mail uidNumber memberOf
      eapol_test -c "$DEMO/corp.conf" -a ${radius.host} -p ${radius.authPort} -s "$RADIUS_SECRET" -N 30:s:02-00-00-00-00-01:corp
      curl -s -H "Authorization: Bearer $SCIM_TOKEN" "$SCIM_URL/Users?count=2"
      api GET '/people?state=suspended'
10  Connect the tenant yourself, from nothing: docs/getting-started.md
      npm run demo -- --empty

Account pages  ${http.url}/account (${PERSON}, or "Sign in with Microsoft" as ${PERSON}@contoso.example)
Admin API      ${http.url}/api/v1/openapi.json (user ${http.adminUser}, password ${http.adminPassword})
Metrics        ${http.url}/metrics
`
}

function emptyScreen(password: string, begin: string): string {
  return `
A simulated Microsoft 365 tenant, Contoso, is ready. Gatehouse serves nobody yet. Ctrl-C ends both.
${begin}
Connect it in one of three ways. Its administrator is ${TENANT_ADMIN}, password ${shell(password)}.

 1  By an app registration of its own
      gatehouse source connect --name contoso --import chosen --tenant "$TENANT" --client "$CLIENT" --secret-file "$SECRET_FILE" "\${SIMULATOR[@]}"
 2  By a link that the administrator opens in a browser
      gatehouse source connect --name contoso --import chosen --consent --tenant "$TENANT" --client "$PROVIDER" --secret-file "$PROVIDER_SECRET_FILE" "\${SIMULATOR[@]}"
 3  By a code that the administrator enters
      gatehouse source connect --name contoso --import chosen --device --tier write-back "\${SIMULATOR[@]}"

Then choose whom to import. docs/getting-started.md goes on from here, step by step:

      gatehouse import start
      gatehouse import people --licensed --no-guest
`
}

/** A supplicant's configuration, for eapol_test. */
export function formatSupplicant({ radius }: DemoFacts, password: string): string {
  return [
    'network={',
    '  ssid="corp"',
    '  key_mgmt=WPA-EAP',
    '  eap=TTLS',
    `  identity="${PERSON}"`,
    '  anonymous_identity="anonymous@contoso.example"',
    `  password="${password}"`,
    '  phase2="auth=PAP"',
    `  ca_cert="${radius.caFile}"`,
    `  domain_match="${radius.serverName}"`,
    '}',
    '',
  ].join('\n')
}
