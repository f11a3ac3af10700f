/** Six octets with anything usual between them: `-`, `:`, `.` or nothing. */
const MAC = new RegExp(`^${Array(6).fill('([0-9a-f]{2})').join('[-:.]?')}$`, 'i')

/** A MAC address as `aa:bb:cc:dd:ee:ff`, in whichever of the usual ways it is written; else null. */
export function readMac(text: string): string | null {
  return MAC.exec(text)?.slice(1).join(':').toLowerCase() ?? null
}
