import { readFileSync } from 'node:fs'

/** How an application proves itself. */
export interface SecretOptions {
  readonly secretFile?: string
  readonly certificate?: string
  readonly privateKey?: string
  readonly secretExpires?: string
  readonly federated?: string
}

/** A file's text, `-` for standard input. */
export function text(file: string | undefined): string | undefined {
  return file === undefined ? undefined : readFileSync(file === '-' ? 0 : file, 'utf8')
}

export function withoutUndefined(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined))
}
