/**
 * What a snooper tells of a frame. Frames are cut from bytes by their lengths alone, so that traffic which is not quite the
 * protocol is shown as well; only data of more than 2048 bytes cannot be told from noise.
 *
 *     client->server, GET 1f0c9d33a2b4/32              an id: the beginning of its SHA-256, and its length
 *     server->client, GET 158 bytes | code 1 (absent)
 *
 * Ids and sessions are secrets: neither is shown unless asked for.
 */
import { createHash } from 'node:crypto'
import { ADD_PREFIX_BYTES, FRAME_DATA_BYTES, FRAME_HEADER_BYTES } from './limits.ts'
import { codeName, Operation, operationName } from './message.ts'

export type Direction = 'client->server' | 'server->client'

export interface SnoopedFrame {
  /** From 0. */
  readonly connection: number
  readonly direction: Direction
  readonly uid: number
  /** ADD, GET, REMOVE, HAVE; `?` for what is no operation. */
  readonly operation: string
  /** Whether it is the first frame of its message, and the last. */
  readonly first: boolean
  readonly complete: boolean
  /** With its header. */
  readonly bytes: number
  /** Of an ADD. */
  readonly timeoutMs?: number
  /** Of the id: the first 12 digits of its SHA-256, and its length; the id itself (hexadecimal) where secrets are shown. */
  readonly idHash?: string
  readonly idBytes?: number
  readonly id?: string
  /** Data of a session in this frame; itself (hexadecimal) where secrets are shown. */
  readonly dataBytes?: number
  readonly data?: string
  /** Of a response of one byte. */
  readonly code?: number
}

const HASH_DIGITS = 12

/** The end of the frame that begins at `start`; 0: there is more to come; -1: that is no frame. */
export function frameEnd(bytes: Buffer, start: number): number {
  if (bytes.length - start < FRAME_HEADER_BYTES) return 0
  const dataBytes = bytes.readUInt16BE(start + 12)
  if (dataBytes > FRAME_DATA_BYTES) return -1
  const end = start + FRAME_HEADER_BYTES + dataBytes
  return end <= bytes.length ? end : 0
}

export interface FramePlace {
  readonly connection: number
  readonly direction: Direction
  /** Whether no frame of its message came before. */
  readonly first: boolean
  readonly showsSecrets: boolean
}

/** `frame` is one whole frame. */
export function describeFrame(frame: Buffer, { connection, direction, first, showsSecrets }: FramePlace): SnoopedFrame {
  const isResponse = frame[4] === 1
  const operation = frame[10]!
  const data = frame.subarray(FRAME_HEADER_BYTES)
  return {
    connection,
    direction,
    uid: frame.readUInt32BE(5),
    operation: operationName(operation),
    first,
    complete: frame[11] === 1,
    bytes: frame.length,
    ...(isResponse ? responseFacts(data, first, showsSecrets) : requestFacts(operation, data, first, showsSecrets)),
  }
}

type Facts = Pick<SnoopedFrame, 'timeoutMs' | 'idHash' | 'idBytes' | 'id' | 'dataBytes' | 'data' | 'code'>

function responseFacts(data: Buffer, first: boolean, showsSecrets: boolean): Facts {
  return first && data.length === 1 ? { code: data[0]! } : dataFacts(data, showsSecrets)
}

function requestFacts(operation: number, data: Buffer, first: boolean, showsSecrets: boolean): Facts {
  if (!first) return dataFacts(data, showsSecrets)
  if (operation !== Operation.add) return idFacts(data, showsSecrets)
  if (data.length < ADD_PREFIX_BYTES) return dataFacts(data, showsSecrets)
  const idEnd = Math.min(ADD_PREFIX_BYTES + data.readUInt32BE(4), data.length)
  return {
    timeoutMs: data.readUInt32BE(0),
    ...idFacts(data.subarray(ADD_PREFIX_BYTES, idEnd), showsSecrets),
    ...dataFacts(data.subarray(idEnd), showsSecrets),
  }
}

function idFacts(id: Buffer, showsSecrets: boolean): Facts {
  const idHash = createHash('sha256').update(id).digest('hex').slice(0, HASH_DIGITS)
  return { idHash, idBytes: id.length, ...(showsSecrets ? { id: id.toString('hex') } : {}) }
}

function dataFacts(data: Buffer, showsSecrets: boolean): Facts {
  return { dataBytes: data.length, ...(showsSecrets ? { data: data.toString('hex') } : {}) }
}

/** One line, as the original prints it, and what it does not say behind that. */
export function frameText(frame: SnoopedFrame): string {
  const { connection, direction, uid, bytes, operation, first, complete } = frame
  const part = complete ? (first ? '' : ' (last part)') : first ? ' (first part)' : ' (part)'
  return (
    `SNOOP_DBG_MSG: connection ${connection}, ${direction}, message completed (request_uid = ${uid}), total_len=${bytes}` +
    `, ${operation}${part}${factsText(frame)}`
  )
}

function factsText({ timeoutMs, idHash, idBytes, id, dataBytes, data, code }: SnoopedFrame): string {
  const facts: string[] = []
  if (idHash !== undefined) facts.push(`id ${id ?? idHash}/${idBytes}`)
  if (timeoutMs !== undefined) facts.push(`timeout ${timeoutMs} ms`)
  if (dataBytes !== undefined) facts.push(`${dataBytes} bytes${data === undefined || data === '' ? '' : ` ${data}`}`)
  if (code !== undefined) facts.push(`code ${code} (${codeName(code)})`)
  return ` ${facts.join(', ')}`
}
