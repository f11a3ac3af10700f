import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import {
  BerWriter,
  encodeMessage,
  type Operation,
  parseFilter,
  ResultCode,
} from '../../protocols/ldap/index.ts'
import { aBind, aSearch, LdapClient } from '../support/ldap-client.ts'
import { BASE, RIGHT } from '../support/ldap-gateway.ts'
import { type Load, startLdapProcess } from '../support/ldap-process.ts'

const MIB = 1024 * 1024
/** ARCHITECTURE §7 has the loop's budget, best of three rounds. */
const MAX_DELAY_MS = 50
const ROUNDS = 3
const IDLE_CONNECTIONS = 5_000
/** Sockets this process needs beside the idle ones. */
const SPARE_DESCRIPTORS = 200
const MAX_BYTES_AN_IDLE_CONNECTION = 32 * 1024
const CONNECTING_AT_ONCE = 100
const DRIBBLE_BYTES = 2 * 1024
const DEEP = 10_000
const WHOLE = 16 * MIB - 64

const server = await startLdapProcess(2_000)
t.teardown(() => server.stop())

/** Sockets this process may open: Node raises its limit to the hard one at start. */
function connectionsPossible(): number {
  const text = readFileSync('/proc/self/limits', 'utf8')
  const [, soft = '1024'] = /^Max open files\s+(\S+)/m.exec(text) ?? []
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft) - SPARE_DESCRIPTORS
}

function opened(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => resolve(socket))
    socket.on('error', reject)
  })
}

async function signedIn(): Promise<LdapClient> {
  const client = await LdapClient.open(server.port)
  const code = await client.codeOf(aBind(`uid=nss,ou=services,${BASE}`, RIGHT))
  if (code !== 0) throw new Error(`the bind answered ${code}`)
  return client
}

/** Sends in small pieces, giving the other side time to read each. */
async function dribble(client: LdapClient, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += DRIBBLE_BYTES) {
    client.write(bytes.subarray(at, at + DRIBBLE_BYTES))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A filter of `depth` nots around a presence, with the lengths BER wants. */
function deepFilter(depth: number): Buffer {
  const core = Buffer.from('8702636e', 'hex')
  const headers: Buffer[] = []
  let { length } = core
  for (let level = 0; level < depth; level++) {
    const header = Buffer.from([0xa2, 0x83, 0, 0, 0])
    header.writeUIntBE(length, 2, 3)
    headers.push(header)
    length += header.length
  }
  return Buffer.concat([...headers.reverse(), core])
}

function searchWith(messageId: number, filter: Buffer): Buffer {
  const writer = new BerWriter()
  const start = writer.open(0x30)
  writer.integer(messageId)
  const operation = writer.open(0x63)
  writer.text(BASE).enumerated(2).enumerated(0).integer(0).integer(0).boolean(false).raw(filter)
  writer.close(writer.open(0x30)).close(operation).close(start)
  return Buffer.from(writer.view())
}

/** Runs an attack a few times, with an ordinary client beside it; gives the best round. */
async function underAttack(attack: () => Promise<void>): Promise<Load> {
  const victim = await signedIn()
  let best: Load | null = null
  for (let round = 0; round < ROUNDS; round++) {
    let isOver = false
    await server.read()
    const attacked = attack().finally(() => {
      isOver = true
    })
    while (!isOver) {
      const code = await victim.codeOf(aSearch('(uid=user7)', { attributes: ['uid'] }))
      if (code !== ResultCode.success) throw new Error(`a search beside it answered ${code}`)
    }
    await attacked
    const load = await server.read()
    if (best === null || load.ownDelayMs < best.ownDelayMs) best = load
    if (best.ownDelayMs < MAX_DELAY_MS) break
  }
  victim.end()
  if (best === null) throw new Error('no round')
  return best
}

function figures({ delayMs, ownDelayMs, rssBytes, connections }: Load): string {
  return `delay ${ownDelayMs.toFixed(1)} ms (with what else runs here ${delayMs.toFixed(1)}), RSS ${(rssBytes / MIB).toFixed(0)} MiB, ${connections} connections`
}

await t.test('hostile: thousands of idle connections, some with half a request', async (t) => {
  const count = Math.min(IDLE_CONNECTIONS, connectionsPossible())
  if (count < IDLE_CONNECTIONS) t.comment(`${count} connections: the limit of open files is low`)
  t.ok(count >= 500, `${count} connections are possible`)
  const before = await server.read()
  const idle: Socket[] = []
  const load = await underAttack(async () => {
    while (idle.length < count) {
      const some = Math.min(CONNECTING_AT_ONCE, count - idle.length)
      idle.push(...(await Promise.all(Array.from({ length: some }, opened))))
    }
    for (const [at, socket] of idle.entries()) if (at % 5 === 0) socket.write(Buffer.of(0x30))
  })
  t.comment(figures(load))
  // A client is connected as soon as the kernel says so; the server comes to it in its turn.
  let { connections } = load
  for (let tries = 0; connections !== count && tries < 250; tries++) {
    await sleep(20)
    connections = (await server.read()).connections
  }
  t.equal(connections, count, 'all of them are open; the ordinary client beside them has left')
  t.ok(load.ownDelayMs < MAX_DELAY_MS, figures(load))
  const each = (load.rssBytes - before.rssBytes) / count
  t.ok(each < MAX_BYTES_AN_IDLE_CONNECTION, `${Math.round(each)} bytes each`)

  await t.test('hostile: beside them, 16 MiB a few bytes at a time', async (t) => {
    const client = await signedIn()
    const value = Buffer.alloc(WHOLE - 200, 'x')
    const entry = `uid=user1,ou=people,${BASE}`
    const compare = { kind: 'compareRequest' as const, entry, attribute: 'cn', value }
    const add = {
      kind: 'addRequest' as const,
      entry,
      attributes: [{ type: 'cn', values: [value] }],
    }
    const messageOf = (operation: Operation) =>
      encodeMessage({ messageId: 77, controls: [], operation })
    const dribbled = await underAttack(async () => {
      await dribble(client, messageOf(compare))
      t.match((await client.receive())?.operation, { code: ResultCode.adminLimitExceeded })
      await dribble(client, messageOf(add))
      t.match((await client.receive())?.operation, { code: ResultCode.unwillingToPerform })
    })
    t.comment(figures(dribbled))
    t.ok(dribbled.ownDelayMs < MAX_DELAY_MS, figures(dribbled))
    // The message, the piece it grows by, and what the collector has not come to yet.
    t.ok(dribbled.rssBytes - load.rssBytes < 8 * 16 * MIB, figures(dribbled))
    client.end()
  })

  for (const socket of idle) socket.destroy()
})

await t.test('hostile: 16 MiB of filter, as many parts as fit', async (t) => {
  const client = await signedIn()
  const part = Buffer.from('8702636e', 'hex')
  const parts = Buffer.alloc(WHOLE - 200)
  for (let at = 0; at + part.length <= parts.length; at += part.length) part.copy(parts, at)
  const filter = new BerWriter().octets(parts, 0xa0).view()
  const bytes = searchWith(5, filter)
  const load = await underAttack(async () => {
    await dribble(client, bytes)
    const { operation: answer } = (await client.receive()) ?? {}
    t.match(answer, { kind: 'searchResultDone', code: ResultCode.adminLimitExceeded })
  })
  t.comment(figures(load))
  t.ok(load.ownDelayMs < MAX_DELAY_MS, figures(load))
  client.end()
})

await t.test('hostile: filters nested 10,000 deep, a hundred in a row', async (t) => {
  const client = await signedIn()
  const bytes = searchWith(6, deepFilter(DEEP))
  const load = await underAttack(async () => {
    for (let at = 0; at < 100; at++) client.write(bytes)
    for (let at = 0; at < 100; at++) {
      const { operation: answer } = (await client.receive()) ?? {}
      if (answer?.kind !== 'searchResultDone' || answer.code !== ResultCode.adminLimitExceeded) {
        t.ok(false, `answered ${JSON.stringify(answer)}`)
        return
      }
    }
  })
  t.comment(figures(load))
  t.ok(load.ownDelayMs < MAX_DELAY_MS, figures(load))
  client.end()
})

await t.test('hostile: the widest filter there may be, over everybody', async (t) => {
  const client = await signedIn()
  const wide = `(|${'(description=*nobody*)'.repeat(1_000)})`
  const operation = aSearch('(cn=x)', { filter: parseFilter(wide) })
  const load = await underAttack(async () => {
    client.send(operation)
    const { operation: answer } = (await client.receive()) ?? {}
    t.match(answer, { kind: 'searchResultDone', code: ResultCode.success })
  })
  t.comment(figures(load))
  t.ok(load.ownDelayMs < MAX_DELAY_MS, figures(load))
  client.end()
})
