import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import type { Measured, Task } from './ldap-load.ts'
import { bindOn, type Server } from './ldap-wire.ts'
import { quantile } from './median.ts'

const MAX_TRIES = 20

/**
 * Every client of a server comes back at once, as after its restart, with a whole TLS handshake. One
 * that is turned away, or waits longer than the server does, comes again. They stay for `seconds`.
 */
export async function reconnect({ server, connections, seconds }: Task): Promise<Measured> {
  const startMs = performance.now()
  let tries = 0
  const comeBack = async () => {
    for (let at = 0; at < MAX_TRIES; at++) {
      tries += 1
      const socket = await signIn(server)
      if (socket !== null) return { socket, tookMs: performance.now() - startMs }
    }
    throw new Error(`turned away ${MAX_TRIES} times`)
  }
  const back = await Promise.all(Array.from({ length: connections }, comeBack))
  const tookMs = performance.now() - startMs
  await sleep(seconds * 1_000 - tookMs)
  for (const { socket } of back) socket.destroy()
  const times = back.map((one) => one.tookMs)
  return {
    perSecond: (connections / tookMs) * 1_000,
    answers: tries,
    entries: 0,
    medianMs: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
  }
}

/** Null where the server ended the connection. */
async function signIn(server: Server): Promise<TLSSocket | null> {
  // Whose certificate it is costs the client alone to check.
  const socket = connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false })
  const closed = new Promise<null>((resolve) => socket.once('close', () => resolve(null)))
  socket.on('error', () => socket.destroy())
  const signedIn = once(socket, 'secureConnect')
    .then(() => bindOn(socket, server))
    .then(() => socket)
  return await Promise.race([signedIn.catch(() => null), closed])
}
