import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Config, RawSetting, SettingKey } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { adminSocketPath } from '../config/paths.ts'
import { ApiClient } from './client.ts'
import { type Output, printFields, printJson } from './print.ts'

export interface GlobalOptions {
  readonly config?: string
  readonly data?: string
  readonly url?: string
  readonly tokenFile?: string
  readonly caFile?: string
  readonly json?: boolean
}

/** What every command is given: options, output, and a client when it asks for one. */
export class CommandContext {
  readonly #options: GlobalOptions
  readonly #env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  readonly output: Output

  constructor(
    command: Command,
    process: {
      readonly env: NodeJS.ProcessEnv
      readonly signal: AbortSignal
      write(text: string): void
    },
  ) {
    this.#options = command.optsWithGlobals<GlobalOptions>()
    this.#env = process.env
    this.signal = process.signal
    this.output = { isJson: this.#options.json === true, write: (text) => process.write(text) }
  }

  config(overrides: ReadonlyMap<SettingKey, RawSetting> = new Map()): Config {
    const data = this.#options.data
    const merged = new Map(overrides)
    if (data !== undefined) merged.set('data_dir', { text: resolve(data), place: '--data' })
    return loadConfig({ file: this.#options.config, env: this.#env, overrides: merged })
  }

  client(): ApiClient {
    const url = this.#options.url ?? this.#env['GATEHOUSE_URL'] ?? null
    const tokenFile = this.#options.tokenFile ?? this.#env['GATEHOUSE_TOKEN_FILE']
    const token =
      tokenFile === undefined
        ? (this.#env['GATEHOUSE_TOKEN'] ?? null)
        : readFileSync(tokenFile, 'utf8').trim()
    const socketPath = url === null ? adminSocketPath(this.config()) : ''
    return new ApiClient({ socketPath, url, token, caFile: this.#options.caFile ?? null })
  }

  /** One value: as JSON when asked for, else by `human`, else as `name: value` lines. */
  show<T extends object>(value: T, human?: (value: T) => void): void {
    if (this.output.isJson) printJson(this.output, value)
    else if (human !== undefined) human(value)
    else printFields(this.output, value as Record<string, unknown>)
  }
}

export type Run = (command: Command) => CommandContext
