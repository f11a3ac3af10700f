import { type Application, SIGN_IN_SCOPES } from './application.ts'

/** Graph's application id, which is the audience of its tokens. */
export const GRAPH_AUDIENCE = '00000003-0000-0000-c000-000000000000'
export const GRAPH_RESOURCES: readonly string[] = ['https://graph.microsoft.com', GRAPH_AUDIENCE]

/** Roles whose holders may say yes to delegated permissions for everybody. */
const CONSENTING_ROLES: readonly string[] = [
  'Global Administrator',
  'Privileged Role Administrator',
  'Cloud Application Administrator',
  'Application Administrator',
]

/** `https://graph.microsoft.com/User.Read` and `User.Read` are one scope. */
export function readScopes(text: string, graphUrl: string): readonly string[] {
  const prefixes = [...GRAPH_RESOURCES, graphUrl].map((resource) => `${resource}/`)
  const names = text.split(/\s+/).filter((scope) => scope !== '')
  const scopes = names.map((name) => {
    const prefix = prefixes.find((each) => name.startsWith(each))
    return prefix === undefined ? name : name.slice(prefix.length)
  })
  return [...new Set(scopes)]
}

/** `.default` stands for what has been granted already. */
export function expandScopes(scopes: readonly string[], application: Application): string[] {
  const expanded = scopes.flatMap((scope) =>
    scope === '.default' ? [...application.delegatedScopes] : [scope],
  )
  return [...new Set(expanded)]
}

/** Scopes that neither an administrator nor the person herself has agreed to. */
export function missingConsent(
  application: Application,
  userId: string,
  scopes: readonly string[],
): string[] {
  const own = application.consents.get(userId)
  return scopes.filter((scope) => !application.delegatedScopes.has(scope) && !own?.has(scope))
}

/** Whether a person may agree to scopes, given the roles she holds in the directory. */
export function canConsent(scopes: readonly string[], roles: readonly string[]): boolean {
  return (
    scopes.every((scope) => SIGN_IN_SCOPES.includes(scope)) ||
    roles.some((role) => CONSENTING_ROLES.includes(role))
  )
}
