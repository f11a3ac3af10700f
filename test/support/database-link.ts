import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'

const SOCKET = '.s.PGSQL.5432'

export interface DatabaseLink {
  /** Folder of the socket: `host` for pg. */
  readonly socketDir: string
  /** As when the network goes: every connection ends and none is made. */
  cut(): void
  restore(): void
}

/** A way to the server that a test can cut, for one daemon and not for the others. */
export async function linkDatabase(
  t: Test,
  options: { readonly socketDir: string; readonly folder: string },
): Promise<DatabaseLink> {
  const { socketDir, folder } = options
  const open = new Set<Socket>()
  let isCut = false
  const server = createServer((near) => {
    if (isCut) {
      near.destroy()
      return
    }
    const far = createConnection(join(socketDir, SOCKET))
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket)
      socket.on('error', () => other.destroy())
      socket.once('close', () => {
        open.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  const endAll = () => {
    for (const socket of open) socket.destroy()
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  server.listen(join(folder, SOCKET))
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    endAll()
  })
  return {
    socketDir: folder,
    cut() {
      isCut = true
      endAll()
    },
    restore() {
      isCut = false
    },
  }
}
