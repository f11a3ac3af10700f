const UNRESOLVED = new Set(['ENOTFOUND', 'EAI_AGAIN'])
const UNREACHED = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
])
/** What OpenSSL says of a certificate that is not taken, and Node of its names. */
const UNTRUSTED = /CERT|SELF_SIGNED|SIGNATURE|ISSUER/

/** Why a host could not be spoken with, where to look, and what mends it. */
export function explainNetworkFault(url: URL, fault: Error): Error {
  const code = 'code' in fault && typeof fault.code === 'string' ? fault.code : ''
  const words = wordsFor(code, url)
  return words === null ? fault : new Error(words, { cause: fault })
}

function wordsFor(code: string, { hostname, host, port }: URL): string | null {
  if (UNRESOLVED.has(code))
    return `the name ${hostname} cannot be resolved (${code}): check this machine's DNS`
  if (UNREACHED.has(code))
    return `no connection to ${hostname}, port ${port || '443'} (${code}): let this machine reach it`
  if (UNTRUSTED.test(code))
    return (
      `${host} shows a certificate that is not trusted here (${code}): if a proxy opens TLS on ` +
      'the way, let it pass this host by, or connect with its CA (`--trust-ca`, in the API `ca`)'
    )
  return null
}
