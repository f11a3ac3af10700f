import type { Nas } from '../directory/network.ts'
import type { SecretUse } from '../directory/ports/nas.ts'
import { isoTime } from './views.ts'

/** Addresses named of a NAS that is a whole block. */
const MAX_NAMED = 20

/** Secrets are counted, never shown. */
export function showNas(nas: Nas, uses: readonly SecretUse[] = []) {
  const { id, name, addresses, secrets, requireMessageAuthenticator, limitProxyState, radsec } = nas
  const lagging = stillOnOldSecret(nas, uses)
  return {
    id,
    name,
    addresses,
    secrets: secrets.length,
    oldSecretsUntil: nas.oldSecretsUntilMs === null ? null : isoTime(nas.oldSecretsUntilMs),
    onOldSecret: lagging
      .slice(0, MAX_NAMED)
      .map(({ address, atMs }) => ({ address, lastAt: isoTime(atMs) })),
    hint: hintOf(nas, lagging, uses),
    requireMessageAuthenticator,
    /** Under `auto`: since when it is demanded, because the NAS was seen to send it. */
    messageAuthenticatorSince: nas.signedAtMs === null ? null : isoTime(nas.signedAtMs),
    limitProxyState,
    /** Log-ins a second from each of its addresses. */
    rate: nas.rate,
    coa: nas.dynamicAuthorization.mode,
    coaPort: nas.dynamicAuthorization.port,
    hasCoaSecret: nas.dynamicAuthorization.secret !== null,
    transport: radsec === null ? 'udp' : 'radsec',
    radsec,
  }
}

/** Addresses that were last heard with an older secret, the last first. */
function stillOnOldSecret(nas: Nas, uses: readonly SecretUse[]): readonly SecretUse[] {
  const last = new Map<string, SecretUse>()
  for (const use of uses) {
    if (use.nasId !== nas.id) continue
    const other = last.get(use.address)
    if (other === undefined || other.atMs < use.atMs) last.set(use.address, use)
  }
  return [...last.values()]
    .filter(({ secretNo }) => secretNo < nas.secretNo)
    .sort((a, b) => b.atMs - a.atMs)
}

function hintOf(
  nas: Nas,
  lagging: readonly SecretUse[],
  uses: readonly SecretUse[],
): string | null {
  if (nas.secrets.length < 2) return null
  const until =
    nas.oldSecretsUntilMs === null ? '' : `, which ends at ${isoTime(nas.oldSecretsUntilMs)}`
  const [first] = lagging
  if (first !== undefined) {
    const more = lagging.length === 1 ? '' : ` and ${lagging.length - 1} more`
    return `${first.address}${more} still used the old secret${until}: put the new one there`
  }
  return uses.some(({ nasId, secretNo }) => nasId === nas.id && secretNo === nas.secretNo)
    ? `only the new secret is in use; \`gatehouse nas end-rotation ${nas.name}\` ends the old one now`
    : `not heard since the rotation; put the new secret in place of the old one${until}`
}
