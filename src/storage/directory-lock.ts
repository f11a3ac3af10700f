import { randomBytes } from 'node:crypto'
import { linkSync, renameSync, rmSync, statSync } from 'node:fs'
import { createConnection, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StorageError } from './fault.ts'

/** `sun_path` of unix(7) is 108 octets with its NUL; Node cuts a longer one short without a word. */
const MAX_SOCKET_PATH_BYTES = 107
const ANSWER_TIMEOUT_MS = 2_000
const MAX_ANSWER_BYTES = 200
/** Long enough for a rival that looked at the same stale lock to finish what it does. */
const SETTLE_MS = 60
const MAX_ATTEMPTS = 50

export interface DirectoryLock {
  release(): Promise<void>
}

/**
 * Makes this process the only one that uses `directory`, until it releases the lock or ends.
 *
 * The lock is a unix socket: the kernel answers for it only while its owner lives, also across
 * containers that share a volume, where the number in a pid file says nothing.
 *
 * @throws {StorageError} `STORAGE_LOCKED` when another process holds it, which the message names
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const name = join(directory, 'lock')
  const mine = join(directory, `lock.${randomBytes(4).toString('hex')}`)
  if (Buffer.byteLength(mine) > MAX_SOCKET_PATH_BYTES) {
    throw new StorageError(
      'STORAGE_LOCKED',
      `the path ${directory} is too long for a lock (a socket's path has at most ` +
        `${MAX_SOCKET_PATH_BYTES} bytes); choose a data directory with a shorter path`,
    )
  }
  const server = await listen(mine)
  try {
    await acquire(name, mine, directory)
  } catch (error) {
    await closeServer(server)
    rmSync(mine, { force: true })
    throw error
  }
  const inode = inodeOf(mine)
  return {
    async release() {
      if (inodeOf(name) === inode) rmSync(name, { force: true })
      rmSync(mine, { force: true })
      await closeServer(server)
    },
  }
}

async function acquire(name: string, mine: string, directory: string): Promise<void> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    if (tryLink(mine, name)) {
      await sleep(SETTLE_MS)
      if (inodeOf(name) === inodeOf(mine)) return
      continue
    }
    const before = inodeOf(name)
    const holder = await askHolder(name)
    if (holder !== null) {
      throw new StorageError(
        'STORAGE_LOCKED',
        `${directory} is in use by ${holder}; stop it first, or give this one another data directory`,
      )
    }
    moveStaleAside(name, before)
  }
  throw new StorageError('STORAGE_LOCKED', `the lock of ${directory} could not be had`)
}

/** Puts the stale lock away; if a rival has replaced it meanwhile, the rival's goes back. */
function moveStaleAside(name: string, expected: number | null): void {
  const aside = `${name}.${randomBytes(4).toString('hex')}`
  try {
    renameSync(name, aside)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return
    throw error
  }
  if (inodeOf(aside) !== expected) tryLink(aside, name)
  rmSync(aside, { force: true })
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  }
}

/** Who answers at the socket, in words; null when nobody does and the lock is stale. */
function askHolder(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    let text = ''
    const socket = createConnection(path)
    const settle = (holder: string | null) => {
      socket.destroy()
      resolve(holder)
    }
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => settle('a process that does not answer'))
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text = (text + chunk).slice(0, MAX_ANSWER_BYTES)
    })
    socket.on('end', () => settle(describeHolder(text)))
    socket.on('error', (error) => {
      const isGone = isCode(error, 'ECONNREFUSED') || isCode(error, 'ENOENT')
      settle(isGone ? null : `another process (${error.message})`)
    })
  })
}

function describeHolder(text: string): string {
  const pid = /^\{"pid":(\d{1,10})\}$/.exec(text)?.[1]
  return pid ? `process ${pid}` : 'another process'
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.end(JSON.stringify({ pid: process.pid }))
    })
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      server.unref()
      resolve(server)
    })
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}

function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
