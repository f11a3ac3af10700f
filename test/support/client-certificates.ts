import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

const DAY_MS = 86_400_000
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

x509.cryptoProvider.set(webcrypto)

export interface ClientCertificate {
  /** PEM: the leaf, then the certificates between it and the root. */
  readonly cert: string
  readonly key: string
  readonly serial: string
}

export interface ClientCertificateOptions {
  readonly email?: string
  /** Days from now. */
  readonly from?: number
  readonly to?: number
  readonly isForServers?: boolean
  /** DNS names beside the address, to make the certificate long. */
  readonly names?: readonly string[]
}

interface Bearer {
  readonly certificate: x509.X509Certificate
  readonly keys: webcrypto.CryptoKeyPair
}

/** An authority that issues certificates to people and devices, and can take them back. */
export class ClientAuthority {
  readonly #bearer: Bearer
  /** From the one that issued this one's certificate up to the root, without it. */
  readonly #between: readonly string[]
  #serial = 1

  private constructor(bearer: Bearer, between: readonly string[]) {
    this.#bearer = bearer
    this.#between = between
  }

  static async make(name: string): Promise<ClientAuthority> {
    const keys = await makeKeys()
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      ...span(-1, 30),
      serialNumber: '01',
      name: `CN=${name}`,
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: await authorityExtensions(keys),
    })
    return new ClientAuthority({ certificate, keys }, [])
  }

  get pem(): string {
    return this.#bearer.certificate.toString('pem')
  }

  /** An authority below this one. */
  async makeBelow(name: string): Promise<ClientAuthority> {
    const keys = await makeKeys()
    const certificate = await this.#sign(keys, {
      subject: `CN=${name}`,
      ...span(-1, 30),
      extensions: await authorityExtensions(keys),
    })
    return new ClientAuthority({ certificate, keys }, [
      certificate.toString('pem'),
      ...this.#between,
    ])
  }

  async issue(options: ClientCertificateOptions = {}): Promise<ClientCertificate> {
    const { email = 'alice@contoso.example', from = -1, to = 30, names = [] } = options
    const { clientAuth, serverAuth } = x509.ExtendedKeyUsage
    const usage = options.isForServers === true ? serverAuth : clientAuth
    const keys = await makeKeys()
    const certificate = await this.#sign(keys, {
      subject: `CN=${email}`,
      ...span(from, to),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage]),
        new x509.SubjectAlternativeNameExtension([
          { type: 'email', value: email },
          ...names.map((value) => ({ type: 'dns', value }) as const),
        ]),
      ],
    })
    const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
    return {
      cert: [certificate.toString('pem'), ...this.#between].join('\n'),
      key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
      serial: certificate.serialNumber,
    }
  }

  /** PEM of a list in force that names these serial numbers. */
  async revoke(serials: readonly string[]): Promise<string> {
    const { notBefore, notAfter } = span(-1, 7)
    const list = await x509.X509CrlGenerator.create({
      issuer: this.#bearer.certificate.subject,
      thisUpdate: notBefore,
      nextUpdate: notAfter,
      entries: serials.map((serialNumber) => ({ serialNumber, revocationDate: notBefore })),
      signingAlgorithm: ALGORITHM,
      signingKey: this.#bearer.keys.privateKey,
    })
    // OpenSSL knows a list by this name only.
    return x509.PemConverter.encode(list.rawData, 'X509 CRL')
  }

  #sign(
    keys: webcrypto.CryptoKeyPair,
    parts: Pick<
      x509.X509CertificateCreateParams,
      'subject' | 'notBefore' | 'notAfter' | 'extensions'
    >,
  ): Promise<x509.X509Certificate> {
    this.#serial += 1
    return x509.X509CertificateGenerator.create({
      ...parts,
      serialNumber: this.#serial.toString(16).padStart(2, '0'),
      issuer: this.#bearer.certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#bearer.keys.privateKey,
      signingAlgorithm: ALGORITHM,
    })
  }
}

function span(fromDays: number, toDays: number) {
  const nowMs = Date.now()
  return {
    notBefore: new Date(nowMs + fromDays * DAY_MS),
    notAfter: new Date(nowMs + toDays * DAY_MS),
  }
}

async function authorityExtensions(keys: webcrypto.CryptoKeyPair): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
  ]
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}
