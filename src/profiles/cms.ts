import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto'
import {
  Attribute,
  CertificateChoices,
  CertificateSet,
  ContentInfo,
  DigestAlgorithmIdentifiers,
  EncapsulatedContent,
  EncapsulatedContentInfo,
  IssuerAndSerialNumber,
  id_contentType,
  id_data,
  id_messageDigest,
  id_signedData,
  id_signingTime,
  SignedData,
  SignerIdentifier,
  SignerInfo,
  SignerInfos,
} from '@peculiar/asn1-cms'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, Certificate, Time } from '@peculiar/asn1-x509'
import { splitPem } from './certificate.ts'
import { ProfileError } from './profile.ts'

const SHA256 = '2.16.840.1.101.3.4.2.1'
/** Signature algorithm by the kind of key; SHA-256 with each, and the parameters it has to have. */
const SIGNATURES: Readonly<Record<string, AlgorithmIdentifier>> = {
  ec: new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' }),
  rsa: new AlgorithmIdentifier({
    algorithm: '1.2.840.113549.1.1.11',
    parameters: new Uint8Array([5, 0]).buffer,
  }),
}

/** A chain as a server shows it, its own certificate first, and the key to that. PEM. */
export interface Signer {
  readonly certificate: string
  readonly privateKey: string
}

/**
 * Content and signature in one, DER.
 *
 * @throws {ProfileError} for a key that is neither RSA nor on an elliptic curve
 * @see RFC 5652 §5
 */
export function signCms(content: Buffer, signer: Signer, nowMs: number): Buffer {
  const chain = splitPem(signer.certificate).map((pem) =>
    AsnConvert.parse(new X509Certificate(pem).raw, Certificate),
  )
  const [own] = chain
  if (own === undefined) throw new ProfileError('the certificate to sign with cannot be read')
  const key = createPrivateKey(signer.privateKey)
  const signatureAlgorithm = SIGNATURES[key.asymmetricKeyType ?? '']
  if (signatureAlgorithm === undefined)
    throw new ProfileError(
      `nothing can be signed with the server's key of the kind ${key.asymmetricKeyType}: use RSA or an elliptic curve, or ask for the profile unsigned`,
    )
  const attributes = attributesOf(content, nowMs)
  const signature = sign('sha256', setOf(attributes), key)
  const digestAlgorithm = new AlgorithmIdentifier({ algorithm: SHA256 })
  const { issuer, serialNumber } = own.tbsCertificate
  const signedData = new SignedData({
    version: 1,
    digestAlgorithms: new DigestAlgorithmIdentifiers([digestAlgorithm]),
    encapContentInfo: new EncapsulatedContentInfo({
      eContentType: id_data,
      eContent: new EncapsulatedContent({ single: new OctetString(content) }),
    }),
    certificates: new CertificateSet(
      chain.map((certificate) => new CertificateChoices({ certificate })),
    ),
    signerInfos: new SignerInfos([
      new SignerInfo({
        version: 1,
        sid: new SignerIdentifier({
          issuerAndSerialNumber: new IssuerAndSerialNumber({ issuer, serialNumber }),
        }),
        digestAlgorithm,
        signedAttrs: attributes.map((der) => AsnConvert.parse(der, Attribute)),
        signatureAlgorithm,
        signature: new OctetString(signature),
      }),
    ]),
  })
  const info = new ContentInfo({
    contentType: id_signedData,
    content: AsnConvert.serialize(signedData),
  })
  return Buffer.from(AsnConvert.serialize(info))
}

/** In the order that DER wants a set in. */
function attributesOf(content: Buffer, nowMs: number): readonly Buffer[] {
  const digest = createHash('sha256').update(content).digest()
  const oid = Buffer.from('06092a864886f70d010701', 'hex')
  const values: [string, ArrayBuffer][] = [
    [id_contentType, new Uint8Array(oid).buffer],
    [id_signingTime, AsnConvert.serialize(new Time(new Date(nowMs)))],
    [id_messageDigest, AsnConvert.serialize(new OctetString(digest))],
  ]
  return values
    .map(([attrType, value]) =>
      Buffer.from(AsnConvert.serialize(new Attribute({ attrType, attrValues: [value] }))),
    )
    .sort(Buffer.compare)
}

/** What is signed: the attributes as a set of their own (RFC 5652 §5.4). */
function setOf(parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length = body.length < 128 ? [body.length] : [0x81, body.length]
  return Buffer.concat([Buffer.from([0x31, ...length]), body])
}
