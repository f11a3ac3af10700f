/** A 32-bit hash of the text's code units (FNV-1a, then mixed). It only narrows, never decides. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  return mix(hash)
}

export function hashNumber(value: number): number {
  return mix(Math.imul(value | 0, 0x01000193) ^ Math.floor(value / 0x1_0000_0000))
}

function mix(hash: number): number {
  let mixed = hash
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
