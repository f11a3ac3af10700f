import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ServerCertificate } from './http/certificate.ts'
import type { Change } from './tenant/record.ts'

/** What makes a tenant the one it was, beyond its people: kept so that a client's links live on. */
export interface Identity {
  /** Seed and size; a start that asks for another tenant begins anew. */
  readonly founding: { readonly seed: string; readonly people: number; readonly groups: number }
  /** Belongs to this founding; tokens of an earlier one are unknown. */
  readonly generation: string
  readonly tenantId: string
  readonly clientId: string
  readonly clientSecret: string
  readonly servicePrincipalId: string
  /** Base64, 32 bytes. */
  readonly tokenKey: string
  readonly port: number
  readonly controlPort: number
}

/** A line of the journal: a change, or a move of the clock. */
export type JournalLine =
  | { readonly atMs: number; readonly change: Change }
  | { readonly advanceMs: number }

const SECRET_MODE = 0o600
const FOLDER_MODE = 0o700

/** The folder that lets a simulator go on where the last one stopped. */
export class DataFolder {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE })
  }

  get caFile(): string {
    return join(this.#folder, 'ca.pem')
  }

  findIdentity(): Identity | null {
    const file = this.#file('identity.json')
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Identity) : null
  }

  writeIdentity(identity: Identity): void {
    this.#write('identity.json', JSON.stringify(identity, null, 2))
  }

  findCertificate(): ServerCertificate | null {
    const file = this.#file('certificate.json')
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ServerCertificate) : null
  }

  writeCertificate(certificate: ServerCertificate): void {
    this.#write('certificate.json', JSON.stringify(certificate))
  }

  /** The CA, for clients to trust. */
  writeCa(pem: string): void {
    writeFileSync(this.caFile, pem)
  }

  readJournal(): JournalLine[] {
    const file = this.#file('journal.jsonl')
    if (!existsSync(file)) return []
    const lines = readFileSync(file, 'utf8').split('\n')
    // What follows the last newline was cut off by a crash and never acknowledged.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as JournalLine)
  }

  append(line: JournalLine): void {
    appendFileSync(this.#file('journal.jsonl'), `${JSON.stringify(line)}\n`, { mode: SECRET_MODE })
  }

  forgetJournal(): void {
    rmSync(this.#file('journal.jsonl'), { force: true })
  }

  #file(name: string): string {
    return join(this.#folder, name)
  }

  #write(name: string, text: string): void {
    writeFileSync(this.#file(name), text, { mode: SECRET_MODE })
  }
}
