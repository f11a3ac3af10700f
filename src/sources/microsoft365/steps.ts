import { SourceError } from '../source.ts'
import { EXTRA_PERMISSIONS, type Extra, PERMISSIONS, TIERS, type Tier } from './settings.ts'
import { describeClaims, type TokenClaims } from './token-file.ts'

/** Microsoft Graph's application id, the same in every tenant and cloud. */
export const GRAPH_ID = '00000003-0000-0000-c000-000000000000'

export const TOOLS = ['portal', 'az', 'powershell', 'terraform'] as const

/** What an admin makes the app registration with. */
export type Tool = (typeof TOOLS)[number]

/** By name, what people's own sign-in needs: who they are, and nothing of what is theirs. */
export const SIGN_IN_SCOPES = ['openid', 'profile'] as const

const PASTEABLE = /^[\w:/.@+~%=?&#,()|* -]+$/

interface Needs {
  readonly permissions: readonly string[]
  /** Null for a certificate. */
  readonly federated: TokenClaims | null
  readonly redirectUri: string
}

/** All a tier needs: its own permissions and those of the tiers before it; and what extras need. */
export function permissionsOf(tier: Tier, extras: readonly Extra[] = []): readonly string[] {
  const tiers = TIERS.slice(0, TIERS.indexOf(tier) + 1)
  return [
    ...tiers.flatMap((one) => PERMISSIONS[one]),
    ...extras.flatMap((extra) => EXTRA_PERMISSIONS[extra]),
  ]
}

/**
 * What to do in the tenant so that it can be connected with a tier, to be pasted as it stands.
 * Permissions are looked up by name, so that no id of ours can be out of date.
 */
export function registrationSteps(
  tool: Tool,
  tier: Tier,
  more: {
    readonly extras: readonly Extra[]
    readonly signInReturn: string | null
    /** What its token file says, and the file's name; null for a certificate. */
    readonly federated: (TokenClaims & { readonly file: string }) | null
  },
): string {
  const { extras, signInReturn, federated } = more
  const needs = {
    permissions: permissionsOf(tier, extras),
    federated: federated === null ? null : pasteable(federated),
    redirectUri: signInReturn ?? 'https://<public name>/account/microsoft/callback',
  }
  const steps = { portal, az, powershell, terraform }[tool](needs)
  const role = tier === 'password' ? `\n\n${ROLE}` : ''
  const first = federated === null ? KEY_PAIR : describeFile(federated)
  const proof =
    federated === null
      ? '--certificate gatehouse.pem --private-key gatehouse.key'
      : `--federated ${federated.file}`
  return `${first}\n\n${steps}${role}\n\n${connect(tier, extras, proof)}\n`
}

const KEY_PAIR = `# 1. A key pair: the certificate goes to the tenant, the key never leaves this machine.
openssl req -x509 -newkey rsa:3072 -nodes -days 730 -subj /CN=gatehouse \\
  -keyout gatehouse.key -out gatehouse.pem`

function describeFile({ file, ...claims }: TokenClaims & { readonly file: string }): string {
  return `# 1. No key and no secret: Gatehouse shows the token in its file ${file}, which its issuer renews.
#    It says now: ${describeClaims(claims)}.
#    The audience has to be api://AzureADTokenExchange (…USGov, …China in those clouds).`
}

/** What goes into commands that somebody pastes may end no text and begin no command. */
function pasteable(claims: TokenClaims): TokenClaims {
  const odd = Object.entries(claims).find(([, value]) => !PASTEABLE.test(String(value)))
  if (odd === undefined) return claims
  throw new SourceError(
    'SOURCE_REFUSED',
    `the token’s ${odd[0]} is empty or has characters that no command takes as they are; enter it in the portal by hand`,
  )
}

const ROLE = `# Passwords need a role of the directory besides the permission: at https://entra.microsoft.com, as a
# Privileged Role Administrator, Roles & admins > User Administrator > Add assignments > "Gatehouse".
# For people who have a role themselves it has to be Privileged Authentication Administrator.`

function connect(tier: Tier, extras: readonly Extra[], proof: string): string {
  const also = extras.map((extra) => `\ngatehouse source set-extra microsoft365 ${extra}`).join('')
  const setTier =
    tier === 'read' ? '' : `\ngatehouse source set-tier microsoft365 ${tier} --reason "agreed"`
  return `# 3. Connect it; what is missing is named.
gatehouse source connect --paused --tenant <tenant id> --client <client id> \\
  ${proof}
gatehouse sync microsoft365 --dry-run
gatehouse source resume microsoft365${setTier}${also}
# People may sign in with Microsoft to choose their password:
gatehouse source set-sign-in microsoft365 on`
}

const PORTAL_CERTIFICATE =
  '#    Certificates & secrets > Certificates > Upload certificate: gatehouse.pem'

function portalFederated({ issuer, subject, audience }: TokenClaims): string {
  return `#    Certificates & secrets > Federated credentials > Add credential > Other issuer:
#      Issuer:   ${issuer}
#      Type:     Explicit subject identifier
#      Value:    ${subject}
#      Name:     gatehouse
#      Audience: ${audience}`
}

function portal({ permissions, redirectUri, federated }: Needs): string {
  return `# 2. At https://entra.microsoft.com, as an Application Administrator:
#    Applications > App registrations > New registration: name "Gatehouse", accounts in this
#    organizational directory only; redirect URI, platform Web:
#      ${redirectUri}
#    Note the application (client) id and the directory (tenant) id.
#    Token configuration > Add optional claim > ID: auth_time
${federated === null ? PORTAL_CERTIFICATE : portalFederated(federated)}
#    API permissions > Add a permission > Microsoft Graph > Application permissions:
${permissions.map((name) => `#      ${name}`).join('\n')}
#    and > Delegated permissions, for people's own sign-in: ${SIGN_IN_SCOPES.join(', ')}
#    As a Privileged Role Administrator: Grant admin consent. Remove the delegated User.Read that
#    every new registration has; it is not used.`
}

const AZ_CERTIFICATE = 'az ad app credential reset --id "$client" --cert @gatehouse.pem --append'

function azFederated({ issuer, subject, audience }: TokenClaims): string {
  const body = { name: 'gatehouse', issuer, subject, audiences: [audience] }
  return `az ad app federated-credential create --id "$client" \\
  --parameters '${JSON.stringify(body)}'`
}

function az({ permissions, redirectUri, federated }: Needs): string {
  return `# 2. With the Azure CLI, signed in as a Global Administrator (az login --allow-no-subscriptions):
client=$(az ad app create --display-name Gatehouse --sign-in-audience AzureADMyOrg \\
  --web-redirect-uris "${redirectUri}" \\
  --optional-claims '{"idToken":[{"name":"auth_time"}]}' \\
  --query appId --output tsv)
az ad sp create --id "$client"
for permission in ${permissions.join(' ')}; do
  role=$(az ad sp show --id ${GRAPH_ID} --output tsv \\
    --query "appRoles[?value=='$permission'].id")
  az ad app permission add --id "$client" --api ${GRAPH_ID} \\
    --api-permissions "$role=Role"
done
for name in ${SIGN_IN_SCOPES.join(' ')}; do
  scope=$(az ad sp show --id ${GRAPH_ID} --output tsv \\
    --query "oauth2PermissionScopes[?value=='$name'].id")
  az ad app permission add --id "$client" --api ${GRAPH_ID} \\
    --api-permissions "$scope=Scope"
done
${federated === null ? AZ_CERTIFICATE : azFederated(federated)}
az ad app permission admin-consent --id "$client"
echo "tenant id: $(az account show --query tenantId --output tsv)  client id: $client"`
}

const POWERSHELL_CERTIFICATE = `$certificate = [System.Security.Cryptography.X509Certificates.X509Certificate2]::new("$PWD/gatehouse.pem")
`
const POWERSHELL_KEY = `  -KeyCredentials @(@{ Type = 'AsymmetricX509Cert'; Usage = 'Verify'; Key = $certificate.RawData }) \`
`

function powershellFederated({ issuer, subject, audience }: TokenClaims): string {
  return `New-MgApplicationFederatedIdentityCredential -ApplicationId $app.Id -Name gatehouse \`
  -Issuer '${issuer}' \`
  -Subject '${subject}' \`
  -Audiences @('${audience}')
`
}

function powershell({ permissions, redirectUri, federated }: Needs): string {
  return `# 2. With the Microsoft Graph PowerShell module, as a Global Administrator:
Connect-MgGraph -Scopes Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All, \`
  DelegatedPermissionGrant.ReadWrite.All
$graph = Get-MgServicePrincipal -Filter "appId eq '${GRAPH_ID}'"
$roles = $graph.AppRoles | Where-Object {
  $_.Value -in ${permissions.map((name) => `'${name}'`).join(', ')} -and
  $_.AllowedMemberTypes -contains 'Application' }
$scopes = $graph.Oauth2PermissionScopes | Where-Object { $_.Value -in ${SIGN_IN_SCOPES.map((name) => `'${name}'`).join(', ')} }
${federated === null ? POWERSHELL_CERTIFICATE : ''}$app = New-MgApplication -DisplayName Gatehouse -SignInAudience AzureADMyOrg \`
${federated === null ? POWERSHELL_KEY : ''}  -Web @{ RedirectUris = @('${redirectUri}') } \`
  -OptionalClaims @{ IdToken = @(@{ Name = 'auth_time' }) } \`
  -RequiredResourceAccess @(@{ ResourceAppId = $graph.AppId
    ResourceAccess = @($roles | ForEach-Object { @{ Id = $_.Id; Type = 'Role' } }) +
      @($scopes | ForEach-Object { @{ Id = $_.Id; Type = 'Scope' } }) })
${federated === null ? '' : powershellFederated(federated)}$principal = New-MgServicePrincipal -AppId $app.AppId
$roles | ForEach-Object { New-MgServicePrincipalAppRoleAssignment -AppRoleId $_.Id \`
  -ServicePrincipalId $principal.Id -PrincipalId $principal.Id -ResourceId $graph.Id }
New-MgOauth2PermissionGrant -ClientId $principal.Id -ConsentType AllPrincipals \`
  -ResourceId $graph.Id -Scope '${SIGN_IN_SCOPES.join(' ')}'
"tenant id: $((Get-MgContext).TenantId)  client id: $($app.AppId)"`
}

const TERRAFORM_CERTIFICATE = `resource "azuread_application_certificate" "gatehouse" {
  application_id = azuread_application.gatehouse.id
  type           = "AsymmetricX509Cert"
  value          = file("gatehouse.pem")
}`

function terraformFederated({ issuer, subject, audience }: TokenClaims): string {
  return `resource "azuread_application_federated_identity_credential" "gatehouse" {
  application_id = azuread_application.gatehouse.id
  display_name   = "gatehouse"
  issuer         = "${issuer}"
  subject        = "${subject}"
  audiences      = ["${audience}"]
}`
}

function terraform({ permissions, redirectUri, federated }: Needs): string {
  return `# 2. With Terraform and the hashicorp/azuread provider, 2.44 or later:
locals {
  permissions = [${permissions.map((name) => `"${name}"`).join(', ')}]
  scopes      = [${SIGN_IN_SCOPES.map((name) => `"${name}"`).join(', ')}]
}
data "azuread_client_config" "current" {}
data "azuread_application_published_app_ids" "known" {}
resource "azuread_service_principal" "graph" {
  client_id    = data.azuread_application_published_app_ids.known.result["MicrosoftGraph"]
  use_existing = true
}
resource "azuread_application" "gatehouse" {
  display_name     = "Gatehouse"
  sign_in_audience = "AzureADMyOrg"
  required_resource_access {
    resource_app_id = azuread_service_principal.graph.client_id
    dynamic "resource_access" {
      for_each = local.permissions
      content {
        id   = azuread_service_principal.graph.app_role_ids[resource_access.value]
        type = "Role"
      }
    }
    dynamic "resource_access" {
      for_each = local.scopes
      content {
        id   = azuread_service_principal.graph.oauth2_permission_scope_ids[resource_access.value]
        type = "Scope"
      }
    }
  }
  web {
    redirect_uris = ["${redirectUri}"]
  }
  optional_claims {
    id_token {
      name = "auth_time"
    }
  }
}
${federated === null ? TERRAFORM_CERTIFICATE : terraformFederated(federated)}
resource "azuread_service_principal" "gatehouse" {
  client_id = azuread_application.gatehouse.client_id
}
resource "azuread_app_role_assignment" "gatehouse" {
  for_each            = toset(local.permissions)
  app_role_id         = azuread_service_principal.graph.app_role_ids[each.value]
  principal_object_id = azuread_service_principal.gatehouse.object_id
  resource_object_id  = azuread_service_principal.graph.object_id
}
resource "azuread_service_principal_delegated_permission_grant" "gatehouse" {
  service_principal_object_id          = azuread_service_principal.gatehouse.object_id
  resource_service_principal_object_id = azuread_service_principal.graph.object_id
  claim_values                         = local.scopes
}
output "tenant_id" {
  value = data.azuread_client_config.current.tenant_id
}
output "client_id" {
  value = azuread_application.gatehouse.client_id
}`
}
