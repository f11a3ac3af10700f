import { BlockList, isIP } from 'node:net'
import { parseProxy } from '../config/proxies.ts'
import { ApiError } from './error.ts'

/**
 * Who may speak plain HTTP to us: this machine, and the proxies that end TLS for others.
 *
 * @param proxies as the configuration has checked them
 * @returns whether a peer, by the address of its socket, is one of them
 */
export function makePlainPeers(proxies: readonly string[]): (address: string | null) => boolean {
  const list = new BlockList()
  list.addSubnet('127.0.0.0', 8, 'ipv4')
  list.addAddress('::1', 'ipv6')
  for (const proxy of proxies) {
    const block = parseProxy(proxy)
    if (typeof block !== 'string') list.addSubnet(block.address, block.prefix, block.family)
  }
  return (address) => {
    const [bare = ''] = (address ?? '').split('%')
    const version = isIP(bare)
    return version !== 0 && list.check(bare, version === 4 ? 'ipv4' : 'ipv6')
  }
}

export function plainRefused(): ApiError {
  return new ApiError(
    403,
    'tls-needed',
    'passwords and tokens are not taken unencrypted: use HTTPS, or come through one of trusted_proxies',
  )
}
