import { derOf } from './certificate.ts'
import type { DeviceProfile } from './profile.ts'
import { windowsProfile } from './windows.ts'

/** In PowerShell a line of a string ends nowhere by itself; this is for whoever reads it. */
const LINE = 100

/**
 * A PowerShell script that trusts the CA and adds the profile: for everybody on the computer when it
 * is run by an administrator, else for the account that runs it. All that is not ours is base64, so
 * that no name can become a command.
 */
export function windowsScript(profile: DeviceProfile): string {
  const command = profile.medium.kind === 'wifi' ? 'wlan' : 'lan'
  const lines = [
    "$ErrorActionPreference = 'Stop'",
    '$principal = [Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()',
    '$isAdmin = $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)',
    "$location = if ($isAdmin) { 'LocalMachine' } else { 'CurrentUser' }",
    '',
    `$authorities = @(\n${profile.authorities.map((pem) => quoted(derOf(pem))).join(',\n')}\n)`,
    "$store = New-Object Security.Cryptography.X509Certificates.X509Store 'Root', $location",
    "$store.Open('ReadWrite')",
    'foreach ($authority in $authorities) {',
    '  $bytes = [Convert]::FromBase64String($authority)',
    '  $certificate = New-Object Security.Cryptography.X509Certificates.X509Certificate2 (,$bytes)',
    '  $store.Add($certificate)',
    '}',
    '$store.Close()',
    ...clientLines(profile),
    '',
    `$profileXml = ${quoted(Buffer.from(windowsProfile(profile), 'utf8'))}`,
    '$file = Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid().ToString() + ".xml")',
    '[IO.File]::WriteAllBytes($file, [Convert]::FromBase64String($profileXml))',
    'try {',
    ...(command === 'lan'
      ? [
          // Wired 802.1X is a service that is off by default.
          '  if ($isAdmin) { Set-Service dot3svc -StartupType Automatic; Start-Service dot3svc }',
          '  & netsh.exe lan add profile "filename=$file"',
        ]
      : [
          "  $user = if ($isAdmin) { 'all' } else { 'current' }",
          '  & netsh.exe wlan add profile "filename=$file" "user=$user"',
        ]),
    "  if ($LASTEXITCODE -ne 0) { throw 'netsh did not take the profile' }",
    '} finally {',
    '  Remove-Item -LiteralPath $file',
    '}',
  ]
  return `${lines.join('\n')}\n`.replaceAll('\n', '\r\n')
}

/** The password of a PKCS #12 file is asked for; it is not in the script. */
function clientLines({ clientCertificate }: DeviceProfile): readonly string[] {
  if (clientCertificate === null) return []
  return [
    '',
    `$client = ${quoted(clientCertificate)}`,
    "$password = Read-Host -AsSecureString 'Password of the certificate'",
    "$flags = [Security.Cryptography.X509Certificates.X509KeyStorageFlags]'UserKeySet, PersistKeySet'",
    '$pair = New-Object Security.Cryptography.X509Certificates.X509Certificate2 ([Convert]::FromBase64String($client)), $password, $flags',
    "$mine = New-Object Security.Cryptography.X509Certificates.X509Store 'My', 'CurrentUser'",
    "$mine.Open('ReadWrite')",
    '$mine.Add($pair)',
    '$mine.Close()',
  ]
}

/** Base64, which has no character that means something in PowerShell, over several lines. */
function quoted(bytes: Buffer): string {
  const text = bytes.toString('base64').replace(new RegExp(`.{1,${LINE}}`, 'g'), '  $&\n')
  return `'\n${text}'`
}
