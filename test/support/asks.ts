import { Client } from 'ldapts'
import { askPap, type Nas } from './radius-pap.ts'

export type Answer = 'yes' | 'no' | 'none'

/** Where a daemon serves, and what its clients sign in with. */
export interface Served {
  readonly ldapUrl: string
  readonly peopleDn: string
  readonly radius: Nas
  /** `…/scim/v2` */
  readonly scim: { readonly url: string; readonly token: string }
}

export interface Claimed {
  readonly username: string
  readonly password: string
}

/** Does a simple bind let her in? Foreign clients ask, here and below. */
export async function askLdap(
  { ldapUrl, peopleDn }: Pick<Served, 'ldapUrl' | 'peopleDn'>,
  { username, password }: Claimed,
): Promise<Answer> {
  const client = new Client({ url: ldapUrl, timeout: 5_000 })
  try {
    await client.bind(`uid=${username},${peopleDn}`, password)
    return 'yes'
  } catch (error) {
    return (error as { code?: number }).code === 49 ? 'no' : 'none'
  } finally {
    await client.unbind().catch(() => undefined)
  }
}

/** Whether a password is right, by a bind at one place. */
export function binderTo({ url, peopleDn }: { readonly url: string; readonly peopleDn: string }) {
  return async (username: string, password: string): Promise<boolean> =>
    (await askLdap({ ldapUrl: url, peopleDn }, { username, password })) === 'yes'
}

export async function askRadius(
  { radius: nas }: Pick<Served, 'radius'>,
  who: Claimed,
): Promise<Answer> {
  try {
    return (await askPap(nas, who, 1_500)) ? 'yes' : 'no'
  } catch {
    return 'none'
  }
}

/** Whether SCIM tells of her as active; `none` when it does not know her at all. */
export async function askScim(
  { scim: { url, token } }: Pick<Served, 'scim'>,
  { username }: Pick<Claimed, 'username'>,
): Promise<Answer> {
  const filter = encodeURIComponent(`userName eq "${username}"`)
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/Users?filter=${filter}`, { headers })
  const { Resources = [] } = (await response.json()) as { Resources?: { active: boolean }[] }
  const [found] = Resources
  if (found === undefined) return 'none'
  return found.active ? 'yes' : 'no'
}
