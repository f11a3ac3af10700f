import {
  EapGtc,
  type EapMethod,
  EapMsChapV2,
  EapPeap,
  EapTls,
  EapTtls,
  type TlsMethodOptions,
} from '../../../protocols/radius/index.ts'
import type { Network, RadiusMethod } from '../../directory/network.ts'
import { isAllowed } from './choose-network.ts'
import type { RequestFacts } from './facts.ts'

/** A network's methods as EAP offers them: outer ones, and inside each what may be shown there. */
export class EapMethods<
  Context extends { readonly network: Network; readonly facts: Pick<RequestFacts, 'portType'> },
  Grant,
> {
  readonly #outer: ReadonlyMap<RadiusMethod, EapMethod<Context, Grant>>
  readonly #inner: ReadonlyMap<RadiusMethod, EapMethod<Context, Grant>>

  constructor(parts: TlsMethodOptions<Context, Grant>) {
    const { tls, authenticate } = parts
    const ttls = new EapTtls<Context, Grant>({
      ...parts,
      methodsOf: ({ network }) => ({
        pap: network.methods.includes('ttls-pap'),
        msChap2: network.methods.includes('ttls-mschapv2'),
        eap: this.#innerOf(network, 'ttls-'),
      }),
    })
    const peap = new EapPeap<Context, Grant>({
      ...parts,
      methodsOf: ({ network }) => this.#innerOf(network, 'peap-'),
      requiresBinding: ({ network }) => network.requireCryptoBinding === true,
    })
    this.#outer = new Map<RadiusMethod, EapMethod<Context, Grant>>([
      ['eap-mschapv2', new EapMsChapV2({ authenticate, name: 'eap-mschapv2' })],
      ['tls', new EapTls(parts)],
      ['ttls-pap', ttls],
      ['ttls-gtc', ttls],
      ['ttls-mschapv2', ttls],
      ['peap-mschapv2', peap],
      ['ttls-tls', ttls],
      ['peap-gtc', peap],
      ['peap-tls', peap],
    ])
    // An inner session is not resumed: the tunnel's is.
    const tlsInside = (method: string) => new EapTls({ tls, authenticate, method })
    this.#inner = new Map<RadiusMethod, EapMethod<Context, Grant>>([
      ['ttls-gtc', new EapGtc({ authenticate, name: 'eap-ttls-gtc' })],
      ['ttls-mschapv2', new EapMsChapV2({ authenticate, name: 'eap-ttls-mschapv2' })],
      ['ttls-tls', tlsInside('eap-ttls-tls')],
      ['peap-tls', tlsInside('eap-peap-tls')],
      ['peap-gtc', new EapGtc({ authenticate, name: 'eap-peap-gtc' })],
      ['peap-mschapv2', new EapMsChapV2({ authenticate, name: 'eap-peap-mschapv2' })],
    ])
  }

  /** Each once, in the order in which the network names what it allows: so they are proposed. */
  outerOf({ network, facts }: Context): EapMethod<Context, Grant>[] {
    const offered = network.methods
      .filter((method) => isAllowed(network, method, facts))
      .flatMap((method) => this.#outer.get(method) ?? [])
    return [...new Set(offered)]
  }

  #innerOf({ methods }: Network, tunnel: 'ttls-' | 'peap-'): EapMethod<Context, Grant>[] {
    return methods
      .filter((method) => method.startsWith(tunnel))
      .flatMap((method) => this.#inner.get(method) ?? [])
  }
}
