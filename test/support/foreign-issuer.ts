import { createSign, generateKeyPairSync } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'

const LIFE_S = 3_600

export const CLUSTER_CLAIMS = {
  iss: 'https://cluster.example/oidc',
  sub: 'system:serviceaccount:gatehouse:gatehouse',
  aud: ['api://AzureADTokenExchange'],
} as const

/** Somebody else who issues tokens, as a cluster does for its service accounts. */
export class ForeignIssuer {
  readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 })

  /** PEM, as it would be published. */
  get publicKeyPem(): string {
    return this.#keys.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  }

  /** A token that lives an hour from now, unless `claims` say otherwise. */
  issue(claims: Readonly<Record<string, unknown>> = {}): string {
    const nowS = Math.floor(Date.now() / 1000)
    const all = { ...CLUSTER_CLAIMS, iat: nowS, nbf: nowS, exp: nowS + LIFE_S, ...claims }
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
    const signed = `${encode({ alg: 'RS256', kid: 'cluster' })}.${encode(all)}`
    const signature = createSign('RSA-SHA256').update(signed).sign(this.#keys.privateKey)
    return `${signed}.${signature.toString('base64url')}`
  }

  /** Another token in the place of the one there, whole at each moment, as a kubelet does it. */
  renew(path: string, claims: Readonly<Record<string, unknown>> = {}): string {
    const token = this.issue(claims)
    writeFileSync(`${path}.next`, `${token}\n`, { mode: 0o600 })
    renameSync(`${path}.next`, path)
    return token
  }
}
