import { randomUUID } from 'node:crypto'
import { type Answer, replyPage } from '../http/exchange.ts'
import type { Application } from './application.ts'
import { describeLoginError, LoginError } from './login-error.ts'
import { selfSubmittingPage } from './pages.ts'
import { required } from './token-endpoint.ts'

/** Where an answer goes, once that is certain to be the application's own address. */
export interface Return {
  readonly redirectUri: string
  /** `query`, `fragment` or `form_post` */
  readonly mode: string
  readonly state: string | null
}

export function sendBack(back: Return, fields: Readonly<Record<string, string>>): Answer {
  const all: [string, string][] = Object.entries(fields)
  if (back.state !== null) all.push(['state', back.state])
  if (back.mode === 'form_post') return replyPage(selfSubmittingPage(back.redirectUri, all))
  const url = new URL(back.redirectUri)
  if (back.mode === 'fragment') url.hash = new URLSearchParams(all).toString()
  else for (const [name, value] of all) url.searchParams.append(name, value)
  return { status: 302, headers: { location: url.href, 'cache-control': 'no-store' }, body: null }
}

/** An error as it stands in the address the person is sent back to. */
export function errorFields(error: LoginError, nowMs: number): Record<string, string> {
  const ids = { atMs: nowMs, traceId: randomUUID(), correlationId: randomUUID() }
  return {
    error: error.error,
    error_description: describeLoginError(error, ids),
    error_uri: `https://login.microsoftonline.com/error?code=${error.number}`,
  }
}

/** @throws {LoginError} 50011 for an address that is not registered */
export function readRedirect(query: URLSearchParams, application: Application): string {
  const redirectUri = required(query, 'redirect_uri')
  if (application.allowsRedirect(redirectUri)) return redirectUri
  throw new LoginError(
    400,
    'invalid_request',
    50011,
    `The redirect URI '${redirectUri}' specified in the request does not match the redirect URIs configured for the application '${application.clientId}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal.`,
  )
}
