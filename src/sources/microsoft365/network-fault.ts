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
  const { hostname, host } = url
  const port = url.port === '' ? '443' : url.port
  const words = UNRESOLVED.has(code)
    ? `the name ${hostname} cannot be resolved (${code}): check this machine's DNS`
    : UNREACHED.has(code)
      ? `no connection to ${hostname}, port ${port} (${code}): let this machine reach it`
      : UNTRUSTED.test(code)
        ? `${host} shows a certificate that is not trusted here (${code}): if a proxy opens TLS on ` +
          'the way, let it pass this host by, or connect with its CA (`--trust-ca`, in the API `ca`)'
        : null
  return words === null ? fault : new Error(words, { cause: fault })
}
