/** What Node asks the allocator for each time that it reads a socket. */
const READ_BLOCK_BYTES = 65_536

/**
 * Writes over what reading a socket in clear text left behind.
 *
 * Node reads into a block of 64 KiB, gives out a copy of what came and frees the block as it is, so
 * that whoever wipes the copy has wiped one of two. The allocator gives the block it freed last to the
 * next who asks for as much, and an ArrayBuffer is made of zeros. Call this in the turn in which the
 * secret arrived, before anything else. With TLS only what is encrypted is read so.
 */
export function overwriteReadBlock(): void {
  void new ArrayBuffer(READ_BLOCK_BYTES)
}
