/**
 * What is done with a request that is well formed: answered here, or given to the servers of a pool. All of it happens in the
 * turn that read the request, while its bytes lie where they were read.
 *
 *     get, gets, gat, gats      each key is asked for by an `mg`; see value-line.ts for the way back
 *     everything with a key     as it came, without `noreply` and `q`
 *     the rest                  answered here
 *
 * Why single `mg`s: memcached sends the answer to every pipelined `get` in a packet of its own, but gathers those to `mg`; for
 * 16 requests in flight that is a sixth of its CPU per request, and one read here instead of 16.
 */
import { Failure } from '../memcached/failure.ts'
import type { OutBuffer } from '../memcached/out-buffer.ts'
import { Expect } from '../memcached/server-request.ts'
import { decodedKey, decodeKey } from './base64-key.ts'
import { ClassicGet } from './classic-get.ts'
import type { ClientConnection } from './client-connection.ts'
import { Command } from './commands.ts'
import { Detour } from './detour.ts'
import { FlushAll } from './flush-all.ts'
import { KeptRequest } from './kept-request.ts'
import { ownAnswers } from './own-answers.ts'
import { Tally } from './proxy-state.ts'
import { writeLine } from './request-line.ts'
import type { RequestParser } from './request-parser.ts'
import { Group, type Part, type Slot, Turn } from './slot.ts'
import type { Target } from './target.ts'

/** From here on a request is handed to the server's connection as it lies in the client's buffer. */
const ATTACH_BYTES = 16 * 1024
const CR = 0x0d

export function dispatch(client: ClientConnection, request: RequestParser, bytes: Buffer): void {
  const { command } = request
  client.proxy.countCommand(command)
  if (command <= Command.gats) {
    get(client, request, bytes)
    return
  }
  switch (command) {
    case Command.quit:
      client.endInput()
      return
    case Command.version:
      client.newSlot(command).answer(ownAnswers.version)
      return
    case Command.mn:
      client.newSlot(command).answer(ownAnswers.mn)
      return
    case Command.stats:
      answerStats(client, request)
      return
    case Command.flush:
      flushAll(client, request, bytes)
      return
    default:
      forward(client, request, bytes)
  }
}

function answerStats(client: ClientConnection, request: RequestParser): void {
  const slot = client.newSlot(Command.stats)
  slot.answer(request.wordCount === 1 ? client.worker.statistics(client.proxy) : ownAnswers.error)
}

function flushAll(client: ClientConnection, request: RequestParser, bytes: Buffer): void {
  const slot = request.isNoreply ? client.looseSlot(Command.flush) : client.newSlot(Command.flush)
  if (request.isNoreply) slot.turn = Turn.swallow
  if (!client.proxy.plan.flushAll) {
    slot.answer(ownAnswers.flushDisabled)
    return
  }
  const hasDelay = request.wordCount === (request.isNoreply ? 3 : 2)
  const delay = hasDelay ? ` ${bytes.toString('latin1', request.words[2], request.words[3])}` : ''
  FlushAll.start(slot, client.proxy.flushedPools, `flush_all${delay}\r\n`)
}

/** Get and its kin: one slot for each key. */
function get(client: ClientConnection, request: RequestParser, bytes: Buffer): void {
  const { command, firstKey, wordCount } = request
  if (wordCount - firstKey > 1) {
    getMany(client, request, bytes)
    return
  }
  const slot = client.newSlot(command)
  slot.endsValues = true
  const target = startGet(client, slot, request, bytes, firstKey)
  if (target === undefined) return
  const start = request.keyStart()
  const end = request.keyEnd()
  const { pool } = target
  const server = pool.ownerOf(bytes, start, end)
  const isModern = server >= 0 && pool.isModern(server)
  slot.expect = isModern ? Expect.meta : Expect.values
  slot.mayRepeat = command <= Command.gets
  const out = pool.begin(server, slot, client.number)
  if (out === undefined) slot.onFailure(pool.refusal)
  else if (isModern) writeMetaGet(out, request, bytes, start, end)
  else writeClassicGet(out, request, bytes, start, end)
}

/** The keys of each server are one request to it. */
function getMany(client: ClientConnection, request: RequestParser, bytes: Buffer): void {
  const { command, firstKey, wordCount } = request
  const { parts } = client.worker
  const group = new Group(wordCount - firstKey)
  client.proxy.tallies[Tally.fragments]! += group.pending
  let classic: ClassicGet | undefined
  for (let word = firstKey; word < wordCount; word++) {
    const slot = client.newSlot(command)
    slot.group = group
    slot.endsValues = word === wordCount - 1
    const target = startGet(client, slot, request, bytes, word)
    if (target === undefined) continue
    const { pool } = target
    const start = request.keyStart(word)
    const end = request.keyEnd(word)
    const server = pool.ownerOf(bytes, start, end)
    if (server < 0) {
      slot.onFailure(Failure.refused)
    } else if (pool.isModern(server)) {
      const part = target.parts[server]!
      if (part.keys === 0) parts.push(part)
      slot.start = start // until the part is written, where its key is
      slot.end = end
      part.add(slot)
    } else {
      classic ??= new ClassicGet(request, bytes, client)
      classic.add(pool, server, slot, bytes, start, end)
    }
  }
  for (const part of parts) sendPart(client, part, request, bytes)
  parts.length = 0
  classic?.send()
}

function sendPart(client: ClientConnection, part: Part, request: RequestParser, bytes: Buffer): void {
  const { first, pool } = part
  const last = part.last!
  last.part = first
  last.replies = part.keys
  last.expect = Expect.meta
  last.mayRepeat = request.command <= Command.gets
  const out = pool.begin(part.server, last, client.number)
  part.clear()
  for (let slot = first; slot !== undefined; slot = slot.nextInPart) {
    if (out !== undefined) writeMetaGet(out, request, bytes, slot.start, slot.end)
    slot.start = 0
    slot.end = 0
  }
  if (out === undefined) last.onFailure(pool.refusal)
}

/** Where one key of get and its kin goes; undefined: it is on its way, by a detour. */
function startGet(
  client: ClientConnection,
  slot: Slot,
  request: RequestParser,
  bytes: Buffer,
  word: number,
): Target | undefined {
  const target = client.proxy.targetOf(bytes, request.keyStart(word), request.keyEnd(word))
  target.countCommand(slot.command)
  slot.turn = Turn.value
  if (target.isPlain) return target
  Detour.start(slot, target, KeptRequest.get(request, bytes, word))
  return undefined
}

function writeMetaGet(out: OutBuffer, request: RequestParser, bytes: Buffer, start: number, end: number): void {
  out.text('mg ')
  out.bytes(bytes, start, end)
  switch (request.command) {
    case Command.get:
      out.text(' k f v\r\n')
      return
    case Command.gets:
      out.text(' k f c v\r\n')
      return
    default:
      out.text(request.command === Command.gat ? ' k f v T' : ' k f c v T')
      out.bytes(bytes, request.words[2]!, request.words[3]!)
      out.text('\r\n')
  }
}

function writeClassicGet(out: OutBuffer, request: RequestParser, bytes: Buffer, start: number, end: number): void {
  // Command word, and the exptime if there is one, end where the first key's word begins; spaces were counted once.
  out.bytes(bytes, request.words[0]!, request.words[1]!)
  if (request.firstKey === 2) {
    out.text(' ')
    out.bytes(bytes, request.words[2]!, request.words[3]!)
  }
  out.text(' ')
  out.bytes(bytes, start, end)
  out.text('\r\n')
}

/** Everything else with a key. */
function forward(client: ClientConnection, request: RequestParser, bytes: Buffer): void {
  const { command } = request
  const slot = request.isNoreply ? client.looseSlot(command) : client.newSlot(command)
  slot.turn = turnOf(request)
  slot.expect = command >= Command.mg ? Expect.meta : Expect.line
  slot.mayRepeat = command === Command.mg && !request.hasEffect
  const start = request.keyStart()
  const end = request.keyEnd()
  const decoded = request.isBase64 ? decodeKey(bytes, start, end) : 0
  const target = decoded > 0 ? client.proxy.targetOf(decodedKey, 0, decoded) : client.proxy.targetOf(bytes, start, end)
  target.countCommand(command)
  if (!target.isPlain && command !== Command.me) {
    if (request.dataBytes > 0) client.countSent(slot, request.dataBytes)
    Detour.start(slot, target, KeptRequest.of(request, bytes, decoded))
    return
  }
  const { pool } = target
  const server = decoded > 0 ? pool.ownerOf(decodedKey, 0, decoded) : pool.ownerOf(bytes, start, end)
  const out = pool.begin(server, slot, client.number)
  if (out === undefined) slot.onFailure(pool.refusal)
  else write(client, out, request, bytes)
  if (request.dataBytes > 0 && out !== undefined) client.countSent(slot, request.dataBytes)
}

function write(client: ClientConnection, out: OutBuffer, request: RequestParser, bytes: Buffer): void {
  const { dataBytes, dataStart, lineEnd, lineStart, next } = request
  const hasData = dataBytes >= 0
  const lineStop = hasData ? dataStart : next
  const isVerbatim =
    request.isCanonical && !request.isNoreply && !request.isQuiet && lineStop - lineEnd === 2 && bytes[lineEnd] === CR
  const isLarge = dataBytes >= ATTACH_BYTES && client.canGiveAway
  if (isVerbatim && !isLarge) {
    out.bytes(bytes, lineStart, next)
    return
  }
  writeLine(out, request, bytes)
  if (isLarge) {
    client.giveAway()
    out.attach(bytes.subarray(dataStart, next))
  } else if (hasData) {
    out.bytes(bytes, dataStart, next)
  }
}

function turnOf(request: RequestParser): number {
  if (request.isNoreply) return Turn.swallow
  if (!request.isQuiet) return Turn.pass
  switch (request.command) {
    case Command.mg:
      return Turn.quietGet
    case Command.ms:
      return Turn.quietSet
    case Command.md:
      return Turn.quietDelete
    case Command.ma:
      return Turn.quietArithmetic
    default:
      return Turn.pass
  }
}
