import type { DestinationStream, Logger } from 'pino'
import { pino } from 'pino'
import { redact } from './redact.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/**
 * Structured log. `event` names what happened (`ldap.listening`, `sync.round-failed`: stable, for
 * machines), `fields` say the rest; an error goes under `error`.
 */
export interface Log {
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void
  info(event: string, fields?: Readonly<Record<string, unknown>>): void
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void
  error(event: string, fields?: Readonly<Record<string, unknown>>): void
  /** The same log with `fields` in each line. */
  child(fields: Readonly<Record<string, unknown>>): Log
}

/**
 * One JSON object a line: level, time (ISO 8601), event, fields. Secrets are struck out by name.
 *
 * @param options.destination where lines go; standard output when absent
 */
export function makeLog(options: {
  readonly level: LogLevel
  readonly destination?: DestinationStream
}): Log {
  const settings = {
    level: options.level,
    messageKey: 'event',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return wrap(
    options.destination === undefined ? pino(settings) : pino(settings, options.destination),
  )
}

function wrap(logger: Logger): Log {
  const writeAt = (level: 'debug' | 'info' | 'warn' | 'error') => {
    return (event: string, fields: Readonly<Record<string, unknown>> = {}) => {
      if (logger.isLevelEnabled(level)) logger[level](redact(fields) as object, event)
    }
  }
  return {
    debug: writeAt('debug'),
    info: writeAt('info'),
    warn: writeAt('warn'),
    error: writeAt('error'),
    child: (fields) => wrap(logger.child(redact(fields) as object)),
  }
}
