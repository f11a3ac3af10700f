/** A weak entity tag (RFC 9110 §8.8.3): the resource is equal in meaning, not in bytes. */
export function formatEntityTag(version: string): string {
  return `W/"${version}"`
}

/**
 * Whether a header of tags names `tag`, by weak comparison (RFC 9110 §8.8.3.2): `If-None-Match` on
 * a GET is answered by 304 when it does.
 */
export function namesEntityTag(header: string, tag: string): boolean {
  if (header.trim() === '*') return true
  const wanted = opaque(tag)
  return header.split(',').some((candidate) => opaque(candidate.trim()) === wanted)
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}
