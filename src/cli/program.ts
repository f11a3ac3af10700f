import { Command } from 'commander'
import { readVersion } from '../version.ts'
import { addCa } from './ca.ts'
import { addCertificates } from './certificates.ts'
import { CommandContext, type Run } from './context.ts'
import { addDatabase } from './database.ts'
import { addDemo } from './demo.ts'
import { addDevices } from './devices.ts'
import { addDoctor } from './doctor.ts'
import { addGroup } from './group.ts'
import { addGuests } from './guests.ts'
import { addImport } from './import.ts'
import { addLog } from './log.ts'
import { addMail } from './mail.ts'
import { addNas } from './nas.ts'
import { addNetworkPasswordRule } from './network-passwords.ts'
import { addNetworks } from './networks.ts'
import { addPasswordPolicy } from './password-policy.ts'
import { addPerson } from './person.ts'
import { addRealms } from './realms.ts'
import { addServe } from './serve.ts'
import { addServices } from './services.ts'
import { addSessions } from './sessions.ts'
import { addSource } from './source.ts'

/** All commands; each says its own part. */
export function makeProgram(process: {
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  write(text: string): void
}): Command {
  const program = new Command('gatehouse')
    .description('Identity gateway: Microsoft 365 in; LDAP, RADIUS and SCIM out')
    .version(readVersion())
    .option('--config <file>', 'configuration (default: gatehouse.yaml, if there)')
    .option('--data <dir>', 'data folder of the daemon on this machine')
    .option('--url <url>', 'a daemon elsewhere, with GATEHOUSE_TOKEN or --token-file')
    .option('--token-file <file>', 'file with an API token')
    .option('--ca-file <file>', 'CA to trust for --url (PEM)')
    .option('--json', 'output for machines')
    .showHelpAfterError()
    .exitOverride()
  const run: Run = (command) => new CommandContext(command, process)
  for (const add of [
    addServe,
    addDatabase,
    addDoctor,
    addSource,
    addImport,
    addPerson,
    addPasswordPolicy,
    addNetworkPasswordRule,
    addGroup,
    addServices,
    addNas,
    addNetworks,
    addRealms,
    addDevices,
    addGuests,
    addSessions,
    addCertificates,
    addCa,
    addMail,
    addLog,
  ])
    add(program, run)
  addDemo(program, run, process.env)
  return program
}
