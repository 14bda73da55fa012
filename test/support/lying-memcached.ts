/**
 * A server that passes everything on to a real memcached, but for `mg` of entries, which it answers as it is told: with
 * nonsense, slowly, or not at all. So what a node needs to run at all (its version, the log of purges) is there.
 */

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { onTestEnd } from './cleanup.ts'
import type { TestMemcached } from './memcached.ts'

/** What an `mg` of an entry is answered with; `close`: the connection ends, `nothing`: no answer ever; undefined: the truth. */
export type Lie = Buffer | 'close' | 'nothing' | undefined

/** Keys of entries, segments and leases, but not those of the log (`sh:.../purges`) nor of notes. */
const ENTRY_READ = /^mg sh:[\w!.-]+ /

export class LyingMemcached {
  readonly text: string
  /** Asked anew for each read. */
  lie: () => Lie = () => undefined
  /** How many reads were answered with a lie. */
  told = 0
  /** Requests with which the connection ends, before anybody has seen them; by their line. */
  loses: (line: string) => boolean = () => false
  /** How many requests were lost so. */
  lost = 0

  constructor(port: number) {
    this.text = `127.0.0.1:${port}`
  }
}

export async function startLyingMemcached(real: TestMemcached): Promise<LyingMemcached> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    sockets.add(client)
    serve(client, real, liar)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestEnd(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const liar = new LyingMemcached((server.address() as { port: number }).port)
  return liar
}

/** Requests one after the other: the next is looked at when the last one is answered. */
function serve(client: Socket, real: TestMemcached, liar: LyingMemcached): void {
  const behind = connect(real.target)
  let pending = Buffer.alloc(0)
  let answer = Buffer.alloc(0)
  let isWaiting = false
  const next = (): void => {
    while (!isWaiting) {
      const length = requestLength(pending)
      if (length === undefined) return
      const request = pending.subarray(0, length)
      pending = pending.subarray(length)
      const text = request.toString('latin1')
      if (liar.loses(text)) {
        liar.lost++
        client.destroy()
        return
      }
      const lie = ENTRY_READ.test(text) ? liar.lie() : undefined
      if (lie === undefined) {
        isWaiting = true
        behind.write(request)
        continue
      }
      liar.told++
      if (lie === 'close') client.destroy()
      else if (lie === 'nothing') isWaiting = true
      else client.write(lie)
    }
  }
  client.on('data', (bytes) => {
    pending = Buffer.concat([pending, bytes as Buffer])
    next()
  })
  behind.on('data', (bytes) => {
    answer = Buffer.concat([answer, bytes as Buffer])
    if (!isAnswer(answer)) return
    client.write(answer)
    answer = Buffer.alloc(0)
    isWaiting = false
    next()
  })
  for (const socket of [client, behind]) socket.on('error', () => {})
  client.on('close', () => behind.destroy())
  behind.on('close', () => client.destroy())
}

/** Bytes of the first request with its data; undefined: it is not there yet. */
function requestLength(bytes: Buffer): number | undefined {
  const line = bytes.indexOf('\r\n')
  if (line === -1) return undefined
  const words = bytes.toString('latin1', 0, line).split(' ')
  const data = words[0] === 'ms' ? Number(words[2]) + 2 : words[0] === 'set' ? Number(words[4]) + 2 : 0
  const length = line + 2 + data
  return bytes.length < length ? undefined : length
}

/** One whole reply. */
function isAnswer(bytes: Buffer): boolean {
  const line = bytes.indexOf('\r\n')
  if (line === -1) return false
  const [code, , , size] = bytes.toString('latin1', 0, line).split(' ')
  if (code === 'VA') return bytes.length >= line + 4 + Number(bytes.toString('latin1', 3, line).split(' ')[0])
  if (code === 'VALUE') return bytes.length >= line + 4 + Number(size) && bytes.toString('latin1').endsWith('END\r\n')
  return true
}
