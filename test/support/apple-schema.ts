import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { run } from './run.ts'

/** A property list as JSON has it; octets as `{ base64 }`. */
export type Plist = string | number | boolean | readonly Plist[] | { readonly [key: string]: Plist }
export type PlistDictionary = { readonly [key: string]: Plist }

/** A key, as Apple's description of configuration profiles has it. */
interface Key {
  readonly key: string
  readonly type: string
  readonly presence?: 'required' | 'optional'
  readonly rangelist?: readonly unknown[]
  readonly subkeys?: readonly Key[]
}

const READER = `
import base64, json, plistlib, sys
print(json.dumps(plistlib.loads(sys.stdin.buffer.read()), default=lambda b: {"base64": base64.b64encode(b).decode()}))`

/** What Python's own library reads; throws for what is no property list. */
export async function readPlist(text: string): Promise<PlistDictionary> {
  const { code, stdout, stderr } = await run('python3', ['-c', READER], { input: text })
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as PlistDictionary
}

/** Where a profile differs from Apple's descriptions in `folder`, in words; empty when nowhere. */
export function faultsOf(profile: PlistDictionary, folder: string): readonly string[] {
  const keysOf = (name: string): readonly Key[] =>
    (parse(readFileSync(join(folder, `${name}.yaml`), 'utf8')) as { payloadkeys: Key[] })
      .payloadkeys
  const common = keysOf('CommonPayloadKeys')
  const { PayloadContent, ...top } = profile
  const payloads = PayloadContent as readonly PlistDictionary[]
  const faults = check(
    top,
    keysOf('TopLevel').filter(({ key }) => key !== 'PayloadContent'),
    'profile',
  )
  const uuids = [profile, ...payloads].map((part) => String(part['PayloadUUID']))
  if (new Set(uuids).size !== uuids.length) faults.push('a PayloadUUID occurs twice')
  for (const payload of payloads) {
    const type = String(payload['PayloadType'])
    faults.push(...check(payload, [...keysOf(type), ...common], type))
    const eap = (payload['EAPClientConfiguration'] ?? {}) as PlistDictionary
    const named = [
      ...((eap['PayloadCertificateAnchorUUID'] ?? []) as string[]),
      ...(payload['PayloadCertificateUUID'] === undefined
        ? []
        : [String(payload['PayloadCertificateUUID'])]),
    ]
    faults.push(
      ...named.filter((uuid) => !uuids.includes(uuid)).map((uuid) => `nothing is ${uuid}`),
    )
  }
  return faults
}

function check(value: PlistDictionary, keys: readonly Key[], place: string): string[] {
  const missing = keys
    .filter(({ key, presence }) => presence === 'required' && !(key in value))
    .map(({ key }) => `${place}: ${key} is missing`)
  const wrong = Object.entries(value).flatMap(([name, own]) => {
    const key = keys.find((one) => one.key === name)
    return key === undefined
      ? [`${place}: ${name} is not known`]
      : checkValue(own, key, `${place}.${name}`)
  })
  return [...missing, ...wrong]
}

function checkValue(value: Plist, key: Key, place: string): string[] {
  const type = typeOf(value)
  if (`<${type}>` !== key.type) return [`${place}: ${type} instead of ${key.type}`]
  const { rangelist, subkeys = [] } = key
  if (type === 'dictionary') return check(value as PlistDictionary, subkeys, place)
  if (type === 'array') {
    const [item] = subkeys
    const items = value as readonly Plist[]
    return item === undefined ? [] : items.flatMap((one) => checkValue(one, item, `${place}[]`))
  }
  return rangelist === undefined || rangelist.includes(value)
    ? []
    : [`${place}: ${String(value)} is none of ${rangelist.join(', ')}`]
}

function typeOf(value: Plist): string {
  if (typeof value === 'number') return 'integer'
  if (typeof value !== 'object') return typeof value
  if (Array.isArray(value)) return 'array'
  return 'base64' in value ? 'data' : 'dictionary'
}
