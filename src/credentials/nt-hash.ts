import { md4 } from '../../protocols/wire/index.ts'

/**
 * The hash that MS-CHAPv2 works with (RFC 2759 §8.3 NtPasswordHash): MD4 over UTF-16LE. It is as good
 * as the password itself to whoever has it, so it is kept sealed alone, and of generated ones only.
 *
 * @param password UTF-8; stays the caller's, to wipe
 */
export function ntHash(password: Buffer): Buffer {
  const wide = Buffer.from(password.toString('utf8'), 'utf16le')
  try {
    return md4(wide)
  } finally {
    wide.fill(0)
  }
}
