import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { printable } from '../foreign-text.ts'
import { SourceError } from '../source.ts'

/** A token of a cluster or a pipeline has 1 to 3 KiB. */
const MAX_BYTES = 16 * 1024
const MAX_SHOWN = 300
/** Three parts in base64url (RFC 7515 §7.1). */
const JWT = /^[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$/
/** Files with tokens of another issuer, by name: the daemon's configuration alone says where they are. */
export type TokenFiles = ReadonlyMap<string, string>

/** A file with a token, as a source names it. */
export interface TokenFile {
  readonly name: string
  /** Null where this daemon's configuration has no such name. */
  readonly path: string | null
}

/** Who is meant, as the token says it; Entra compares each, letter by letter. */
export interface TokenClaims {
  readonly issuer: string
  readonly subject: string
  readonly audience: string
}

export interface ForeignToken {
  readonly token: string
  readonly claims: TokenClaims
}

/**
 * Reads the token anew: whoever issues it puts another into its place before it ends.
 *
 * @throws {SourceError} `SOURCE_REFUSED` with the file and what is wrong; never with the token
 */
export async function readTokenFile(
  { name, path }: TokenFile,
  nowMs: number,
): Promise<ForeignToken> {
  if (path === null)
    throw refused(
      `this daemon’s configuration has no token file ${name}: add \`${name}=/path/to/token\` to federated_tokens, on every daemon, and restart it`,
    )
  const place = `the token file ${name} (${path})`
  const token = (await readText(path, place)).trim()
  const claims = parseClaims(token)
  if (claims === null)
    throw refused(`${place} holds no JWT: it has to hold one token of its issuer and nothing else`)
  const { exp } = claims
  if (typeof exp === 'number' && exp * 1000 <= nowMs)
    throw refused(
      `the token in ${place} expired at ${new Date(exp * 1000).toISOString()}: see to whoever is to renew it (for a projected service-account token that is the kubelet), and to this machine’s clock`,
    )
  return {
    token,
    claims: {
      issuer: shown(claims['iss']),
      subject: shown(claims['sub']),
      audience: [claims['aud']].flat().map(shown).join(', '),
    },
  }
}

/** In words, for whoever compares it with what the app registration says. */
export function describeClaims({ issuer, subject, audience }: TokenClaims): string {
  return `issuer "${issuer}", subject "${subject}", audience "${audience}"`
}

/** Never waits: what is no regular file is refused before anything is read of it. */
async function readText(path: string, place: string): Promise<string> {
  let file: FileHandle | null = null
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    if (!(await file.stat()).isFile()) throw refused(`${place} is no regular file`)
    const buffer = Buffer.alloc(MAX_BYTES + 1)
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
    if (bytesRead > MAX_BYTES) throw refused(`${place} is larger than ${MAX_BYTES} bytes: no token`)
    return buffer.toString('utf8', 0, bytesRead)
  } catch (error) {
    if (error instanceof SourceError) throw error
    throw refused(`${place} ${whyUnread(error)}`)
  } finally {
    await file?.close()
  }
}

function whyUnread(error: unknown): string {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  if (code === 'ENOENT')
    return 'does not exist: mount it there, or mend its path in federated_tokens'
  if (code === 'EACCES' || code === 'EPERM')
    return 'may not be read by the daemon’s account: give that account the right to read it'
  return `cannot be read (${code})`
}

function parseClaims(token: string): Readonly<Record<string, unknown>> | null {
  const payload = JWT.exec(token)?.[1]
  if (payload === undefined) return null
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    const isRecord = typeof claims === 'object' && claims !== null && !Array.isArray(claims)
    return isRecord ? (claims as Readonly<Record<string, unknown>>) : null
  } catch {
    return null
  }
}

function shown(claim: unknown): string {
  return typeof claim === 'string' ? printable(claim.slice(0, MAX_SHOWN)) : ''
}

function refused(message: string): SourceError {
  return new SourceError('SOURCE_REFUSED', message)
}
