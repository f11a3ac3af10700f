import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import type { ServerCertificateView } from '../admin/certificate-control.ts'
import { readServerChain } from '../credentials/certificates/server-chain.ts'
import {
  type CertificateFinding,
  judgeServerChain,
} from '../credentials/certificates/server-findings.ts'
import { revocationReasons } from '../directory/client-certificate.ts'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { numberFrom } from './number.ts'
import { type Output, printFields, printTable } from './print.ts'

interface Shown {
  readonly id: string
  readonly person: string | null
  readonly device: string
  readonly serial: string
  readonly expiresAt: string
  readonly revokedAt: string | null
  readonly reason: string | null
}

interface Issued extends Shown {
  readonly pem: string
  readonly authorityPem: string
  readonly pkcs12?: string
  readonly password?: string
}

interface IssueOptions {
  readonly out: string
  readonly csr?: string
  readonly passwordFile?: string
  readonly modern?: boolean
  readonly days?: string
}

const SIGNS = { advice: 'advice', bad: 'WRONG ' } as const

const OWNER_ONLY = 0o600

/** `certificate issue|list|show|revoke|server|check` */
export function addCertificates(program: Command, run: Run): void {
  const certificate = program
    .command('certificate')
    .description('certificates of people and their devices (EAP-TLS), and the server’s own')

  addServerCertificate(certificate, run)
  certificate
    .command('issue <person> <device>')
    .description('issue one for a device of hers: from a CSR, or with a key as a PKCS#12 file')
    .requiredOption('--out <file>', 'written anew: PKCS#12, or with --csr the certificate in PEM')
    .option('--csr <file>', 'PKCS#10 request in PEM: the key stays on the device')
    .option('--password-file <file>', 'password of the PKCS#12 file; made and shown without')
    .option('--modern', 'PKCS#12 with AES-256 for newer devices; 3DES, which all open, without')
    .option('--days <n>', 'how long it is good; 365 unless given')
    .action(async (person: string, device: string, options: IssueOptions, command: Command) => {
      const context = run(command)
      const client = context.client()
      const body = { device, ...bodyOf(options) }
      // Before it is issued: a key that cannot be written would be lost, and its certificate good.
      const out = openSync(options.out, 'wx', OWNER_ONLY)
      const answer = await client
        .send<Issued>('POST', `/people/${encodeURIComponent(person)}/certificates`, body)
        .catch((error: unknown) => {
          closeSync(out)
          rmSync(options.out, { force: true })
          throw error
        })
      const { pem, authorityPem, pkcs12, password, ...shown } = answer
      const file = pkcs12 === undefined ? `${pem}${authorityPem}\n` : Buffer.from(pkcs12, 'base64')
      writeOut(out, { file, path: options.out, serial: shown.serial })
      const isTold = password !== undefined && options.passwordFile === undefined
      context.show({ ...shown, file: options.out, ...(isTold ? { password } : {}) }, () => {
        context.output.write(`${options.out} written, good until ${shown.expiresAt}\n`)
        if (isTold)
          context.output.write(`password: ${password}\nKeep it now: it is not shown again.\n`)
      })
    })

  certificate
    .command('list [person]')
    .description('list those issued here')
    .action(async (person: string | undefined, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .get<{ certificates: readonly Shown[] }>(
          '/certificates',
          person === undefined ? {} : { person },
        )
      context.show(answer, ({ certificates }) =>
        printTable(context.output, certificates.map(toRow), 'no certificates issued yet'),
      )
    })

  certificate
    .command('show <certificate>')
    .description('show one, by id or serial number')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<Record<string, unknown>>(pathOf(reference))
      context.show(answer, (shown) => printFields(context.output, shown))
    })

  certificate
    .command('revoke <certificate>')
    .description('revoke one, by id or serial number; it counts from the next log-in on')
    .addOption(new Option('--reason <reason>').choices(Object.keys(revocationReasons)))
    .action(async (reference: string, { reason }: { reason?: string }, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .send<Shown & { readonly changed: number }>('POST', `${pathOf(reference)}/revoke`, {
          ...(reason === undefined ? {} : { reason }),
        })
      context.show(answer, ({ serial, changed }) =>
        context.output.write(
          changed === 0 ? `${serial} was revoked already\n` : `${serial} revoked\n`,
        ),
      )
    })
}

/** `certificate server`, `certificate check` */
function addServerCertificate(certificate: Command, run: Run): void {
  certificate
    .command('server')
    .description('show the one that LDAPS, HTTPS, RadSec and EAP show, and what is wrong with it')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<ServerCertificateView>('/certificates/server')
      context.show(answer, ({ findings, ...shown }) => {
        printFields(context.output, { ...shown })
        printFindings(context.output, findings)
      })
    })

  certificate
    .command('check <certificate-file> <key-file>')
    .description('say of files, before they are put in place, what devices would mind in them')
    .action((certFile: string, keyFile: string, _options: unknown, command: Command) => {
      const context = run(command)
      const pair = {
        certificate: readFileSync(certFile, 'utf8'),
        privateKey: readFileSync(keyFile, 'utf8'),
      }
      const chain = readServerChain(pair)
      const findings = judgeServerChain(chain, Date.now())
      context.show({ names: chain.names, chainEnd: chain.end, findings }, () =>
        printFindings(context.output, findings),
      )
      if (findings.some(({ verdict }) => verdict === 'bad')) process.exitCode = 1
    })
}

function printFindings(output: Output, findings: readonly CertificateFinding[]): void {
  if (findings.length === 0) output.write('nothing is wrong with it\n')
  for (const { verdict, said } of findings) output.write(`${SIGNS[verdict]} ${said}\n`)
}

function bodyOf({ csr, passwordFile, modern, days }: IssueOptions): Record<string, unknown> {
  if (csr !== undefined && (passwordFile !== undefined || modern === true))
    throw new CliError(
      'with --csr there is no PKCS#12 file: leave out --password-file and --modern',
    )
  return {
    ...(days === undefined ? {} : { days: numberFrom('--days', days) }),
    ...(csr === undefined ? {} : { csr: readFileSync(csr, 'utf8') }),
    ...(modern === true ? { format: 'modern' } : {}),
    ...(passwordFile === undefined
      ? {}
      : { password: readFileSync(passwordFile, 'utf8').replace(/\r?\n$/, '') }),
  }
}

/** Into the file that was opened before, whatever has its name by now. */
function writeOut(
  out: number,
  what: { readonly file: string | Buffer; readonly path: string; readonly serial: string },
): void {
  try {
    writeFileSync(out, what.file)
  } catch (error) {
    rmSync(what.path, { force: true })
    const why = error instanceof Error ? error.message : String(error)
    throw new CliError(
      `${what.path} could not be written (${why}), and the certificate is good: ` +
        `revoke it with \`gatehouse certificate revoke ${what.serial}\``,
    )
  } finally {
    closeSync(out)
  }
}

function pathOf(reference: string): string {
  return `/certificates/${encodeURIComponent(reference)}`
}

function toRow({ serial, person, device, expiresAt, revokedAt, reason }: Shown) {
  return { serial, person, device, ends: expiresAt, revoked: revokedAt, reason }
}
