import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import { type ProfileFormat, profileFormats } from '../profiles/formats.ts'
import { profileMethods } from '../profiles/profile.ts'
import { CliError } from './client.ts'
import type { Run } from './context.ts'

interface ProfileOptions {
  readonly format?: string
  readonly all?: string
  readonly out?: string
  readonly person?: string
  readonly ssid?: string
  readonly wired?: boolean
  readonly security?: string
  readonly method?: string
  readonly serverName?: string[]
  readonly caCertificate?: string
  readonly clientCertificate?: string
  readonly unsigned?: boolean
}

interface Written {
  readonly format: string
  readonly file: string
}

/** `network profile …` */
export function addProfile(network: Command, run: Run): void {
  network
    .command('profile <name>')
    .description(
      'write a file by which a device joins the network and trusts its server alone; no password is in it',
    )
    .option('--format <format>', profileFormats.join(', '))
    .option('--out <file>', 'where to; `-`, which it is without, is standard output')
    .option('--all <dir>', 'write every format into a folder instead')
    .option('--person <person>', 'whose device it is; without, the device asks for the name')
    .option('--ssid <ssid>', 'which one, where the network has several')
    .option('--wired', 'for a wired port instead of Wi-Fi')
    .option('--security <kind>', 'wpa2 (or better) or wpa3')
    .option('--method <name>', profileMethods.join(', '))
    .option('--server-name <name...>', 'all servers that devices may meet')
    .option('--ca-certificate <file>', "PEM of the CA, where the server's files do not hold it")
    .option('--client-certificate <file>', 'PKCS #12, for the method tls')
    .option('--unsigned', 'an Apple profile without signature')
    .action(async (name: string, options: ProfileOptions, command: Command) => {
      const context = run(command)
      const wish = wishFrom(options)
      const fetchFile = async (format: string) => {
        const path = `/networks/${encodeURIComponent(name)}/profiles/${encodeURIComponent(format)}`
        return await buffer(await context.client().download(path, wish))
      }
      if (options.all !== undefined) {
        const written = await writeAll(options.all, fetchFile)
        context.show({ written }, () =>
          context.output.write(written.map(({ file }) => `${file}\n`).join('')),
        )
        return
      }
      if (options.format === undefined)
        throw new CliError(`say --format (${profileFormats.join(', ')}), or --all DIR`)
      const bytes = await fetchFile(options.format)
      if (options.out === undefined || options.out === '-') {
        context.output.write(textOf(bytes))
        return
      }
      writeFileSync(options.out, bytes, { mode: 0o600 })
      context.show({ written: [{ format: options.format, file: options.out }] }, () =>
        context.output.write(`${options.out} written\n`),
      )
    })
}

function wishFrom(options: ProfileOptions): Record<string, unknown> {
  const { person, ssid, wired, security, method, serverName, unsigned } = options
  const given: Record<string, unknown> = {
    person,
    ssid,
    wired,
    security,
    method,
    unsigned,
    serverNames: serverName,
    authorities:
      options.caCertificate === undefined ? undefined : readFileSync(options.caCertificate, 'utf8'),
    clientCertificate:
      options.clientCertificate === undefined
        ? undefined
        : readFileSync(options.clientCertificate).toString('base64'),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** By the names their programs look for. */
const FILES: Record<ProfileFormat, string> = {
  mobileconfig: 'apple.mobileconfig',
  windows: 'windows.xml',
  'windows-script': 'windows.ps1',
  onc: 'chromeos.onc',
  'eap-config': 'android.eap-config',
  'network-manager': 'network-manager.nmconnection',
  'wpa-supplicant': 'wpa_supplicant.conf',
}

async function writeAll(
  folder: string,
  fetchFile: (format: string) => Promise<Buffer>,
): Promise<readonly Written[]> {
  mkdirSync(folder, { recursive: true })
  const written: Written[] = []
  for (const format of profileFormats) {
    const file = join(folder, FILES[format])
    writeFileSync(file, await fetchFile(format), { mode: 0o600 })
    written.push({ format, file })
  }
  return written
}

/** What is signed is no text, and a terminal no place for it. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  if (Buffer.from(text, 'utf8').equals(bytes)) return text
  throw new CliError('this is signed and no text: say --out FILE, or --unsigned')
}
