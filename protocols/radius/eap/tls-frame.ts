import { ByteReader, WireError } from '../../wire/index.ts'
import { RadiusError } from '../errors.ts'

const LENGTH_INCLUDED = 0x80
const MORE_FRAGMENTS = 0x40
const START = 0x20
const VERSION = 0x07
const FLAGS_BYTES = 1
const LENGTH_BYTES = 4

/** The data of an EAP-TLS, EAP-TTLS or PEAP packet (RFC 5216 §3, RFC 5281 §9). */
export interface TlsFrame {
  readonly isStart: boolean
  readonly hasMore: boolean
  /** Low three bits; EAP-TLS keeps them zero. */
  readonly version: number
  /** Length of the whole TLS message; null when the L flag is not set. */
  readonly totalBytes: number | null
  readonly data: Buffer
}

/** @throws {RadiusError} `EAP_MALFORMED` when flags or announced length are cut off */
export function decodeTlsFrame(bytes: Buffer): TlsFrame {
  const reader = new ByteReader(bytes)
  try {
    const flags = reader.uint8()
    const totalBytes = (flags & LENGTH_INCLUDED) === 0 ? null : reader.uint32()
    return {
      isStart: (flags & START) !== 0,
      hasMore: (flags & MORE_FRAGMENTS) !== 0,
      version: flags & VERSION,
      totalBytes,
      data: reader.bytes(reader.remaining),
    }
  } catch (error) {
    if (error instanceof WireError) throw new RadiusError('EAP_MALFORMED', error.message)
    throw error
  }
}

export function encodeTlsFrame(frame: TlsFrame): Buffer {
  const start = FLAGS_BYTES + (frame.totalBytes === null ? 0 : LENGTH_BYTES)
  const bytes = Buffer.allocUnsafe(start + frame.data.length)
  bytes.writeUInt8(
    (frame.totalBytes === null ? 0 : LENGTH_INCLUDED) |
      (frame.hasMore ? MORE_FRAGMENTS : 0) |
      (frame.isStart ? START : 0) |
      frame.version,
    0,
  )
  if (frame.totalBytes !== null) bytes.writeUInt32BE(frame.totalBytes, FLAGS_BYTES)
  bytes.set(frame.data, start)
  return bytes
}

const nothing = Buffer.alloc(0)

/** First packet of a TLS-based method. */
export function startFrame(version: number): Buffer {
  return encodeTlsFrame({ isStart: true, hasMore: false, version, totalBytes: null, data: nothing })
}

/** Acknowledges a fragment: a frame without data. */
export function ackFrame(version: number): Buffer {
  return encodeTlsFrame({
    isStart: false,
    hasMore: false,
    version,
    totalBytes: null,
    data: nothing,
  })
}

/** Cuts outgoing TLS messages into frames, one for each round trip. */
export class Fragmenter {
  readonly #version: number
  readonly #maxFrameBytes: number
  #message: Buffer = nothing
  #at = 0

  /** @param maxFrameBytes most bytes of one frame, flags and length included */
  constructor(version: number, maxFrameBytes: number) {
    this.#version = version
    this.#maxFrameBytes = maxFrameBytes
  }

  get isEmpty(): boolean {
    return this.#at >= this.#message.length
  }

  load(message: Buffer): void {
    this.#message = message
    this.#at = 0
  }

  /**
   * The next frame. The L flag stands on the first of several only: RFC 5281 §9.2.2 forbids it on
   * later ones, and old Windows supplicants fail when a whole message carries it.
   */
  next(): Buffer {
    const isFirst = this.#at === 0
    const left = this.#message.length - this.#at
    const isWhole = isFirst && left <= this.#maxFrameBytes - FLAGS_BYTES
    const totalBytes = isFirst && !isWhole ? this.#message.length : null
    const room = this.#maxFrameBytes - FLAGS_BYTES - (totalBytes === null ? 0 : LENGTH_BYTES)
    const data = this.#message.subarray(this.#at, this.#at + room)
    this.#at += data.length
    return encodeTlsFrame({
      isStart: false,
      hasMore: !this.isEmpty,
      version: this.#version,
      totalBytes,
      data,
    })
  }
}

/** Puts incoming frames together again. */
export class Reassembler {
  readonly #maxMessageBytes: number
  #parts: Buffer[] = []
  #sizeBytes = 0
  #announcedBytes: number | null = null

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes
  }

  /**
   * @returns the whole message, or null while more fragments are to come
   * @throws {RadiusError} `EAP_TOO_LONG` above the limit, `EAP_MALFORMED` when the first of several
   *   fragments announces no length or the sum is not what it announced
   */
  add(frame: TlsFrame): Buffer | null {
    if (this.#parts.length === 0) this.#announcedBytes = frame.totalBytes
    this.#sizeBytes += frame.data.length
    if (Math.max(this.#sizeBytes, this.#announcedBytes ?? 0) > this.#maxMessageBytes) {
      throw new RadiusError('EAP_TOO_LONG', `TLS message above ${this.#maxMessageBytes} bytes`)
    }
    this.#checkAnnounced(frame)
    if (frame.hasMore) {
      this.#parts.push(frame.data)
      return null
    }
    const message =
      this.#parts.length === 0 ? frame.data : Buffer.concat([...this.#parts, frame.data])
    this.#parts = []
    this.#sizeBytes = 0
    return message
  }

  #checkAnnounced(frame: TlsFrame): void {
    const announced = this.#announcedBytes
    if (announced === null) {
      if (frame.hasMore) throw malformed('first fragment without length')
      return
    }
    const isRight = frame.hasMore ? this.#sizeBytes < announced : this.#sizeBytes === announced
    if (!isRight) throw malformed(`${this.#sizeBytes} of ${announced} bytes announced`)
    if (frame.hasMore && frame.data.length === 0) throw malformed('empty fragment')
  }
}

function malformed(message: string): RadiusError {
  return new RadiusError('EAP_MALFORMED', message)
}
