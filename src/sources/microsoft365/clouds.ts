/**
 * Where Microsoft's clouds sign in and answer. Tokens of one are no good in another
 * (learn.microsoft.com/graph/deployments).
 */
const CLOUDS = {
  global: {
    loginUrl: 'https://login.microsoftonline.com',
    graphUrl: 'https://graph.microsoft.com',
  },
  usgov: { loginUrl: 'https://login.microsoftonline.us', graphUrl: 'https://graph.microsoft.us' },
  'usgov-dod': {
    loginUrl: 'https://login.microsoftonline.us',
    graphUrl: 'https://dod-graph.microsoft.us',
  },
  china: {
    loginUrl: 'https://login.partner.microsoftonline.cn',
    graphUrl: 'https://microsoftgraph.chinacloudapi.cn',
  },
} as const

export type Cloud = keyof typeof CLOUDS

export const CLOUD_NAMES: readonly Cloud[] = ['global', 'usgov', 'usgov-dod', 'china']

export interface CloudHosts {
  readonly loginUrl: string
  readonly graphUrl: string
}

/** A cloud by name, where addresses of a simulator or a proxy do not take its place. */
export function hostsOf(
  cloud: Cloud | null,
  instead: { readonly loginUrl: string | null; readonly graphUrl: string | null },
): CloudHosts {
  const { loginUrl, graphUrl } = CLOUDS[cloud ?? 'global']
  return { loginUrl: instead.loginUrl ?? loginUrl, graphUrl: instead.graphUrl ?? graphUrl }
}
