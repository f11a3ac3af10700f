import { encode } from 'uqr'
import { type Html, html } from './html.ts'

/** Modules of white around it; ISO/IEC 18004 asks for four. */
const BORDER = 4
const PIXELS_PER_MODULE = 5

/** A QR code as a picture in the page: nothing is loaded, and nobody else sees what it says. */
export function qrCode(text: string, label: string): Html {
  const { data, size } = encode(text, { ecc: 'M', border: BORDER })
  const runs = data.flatMap((row, y) =>
    row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')).filter((run) => run !== ''),
  )
  const side = size * PIXELS_PER_MODULE
  return html`<svg class="qr" role="img" aria-label="${label}" viewBox="0 0 ${size} ${size}" width="${side}" height="${side}" shape-rendering="crispEdges"><rect width="${size}" height="${size}" fill="#fff"/><path fill="#000" d="${runs.join('')}"/></svg>`
}
