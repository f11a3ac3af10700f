import { WireError } from '../wire/index.ts'

/** Stable; part of the log contract. Add codes, never rename them. */
export type RadiusErrorCode =
  | 'RADIUS_MALFORMED'
  | 'RADIUS_TOO_LONG'
  | 'RADIUS_BAD_ATTRIBUTE'
  | 'EAP_MALFORMED'
  | 'EAP_TOO_LONG'
  | 'EAP_UNEXPECTED'
  | 'TTLS_BAD_AVP'

/** The only error a decoder or encoder in `protocols/radius` throws. */
export class RadiusError extends WireError<RadiusErrorCode> {
  override readonly name = 'RadiusError'
}
