/**
 * What is spoken on the admin socket: one JSON object per line, each way. Version 1:
 *
 *     > {"v":1,"id":1,"command":"status"}
 *     < {"v":1,"id":1,"ok":true,"result":{...}}
 *     > {"v":1,"id":2,"command":"purge","arguments":{"url":"..."}}
 *     < {"v":1,"id":2,"ok":false,"error":{"code":"unknown-command","message":"..."}}
 *
 * Answers come in the order of the requests. `id` is the client's own and comes back as it was sent.
 */

const PROTOCOL_VERSION = 1

/** Longest line either side reads: far over any request, and over the status of thousands of backends. */
export const MAX_REQUEST_BYTES = 64 * 1024
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024

export interface AdminRequest {
  readonly id: number
  readonly command: string
  /** Empty when the request has none. */
  readonly arguments: Readonly<Record<string, unknown>>
}

export type AdminAnswer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: AdminError }

/** `code` is promised: bad-request, unsupported-version, unknown-command, failed, or one of the command's own. */
export interface AdminError {
  readonly code: string
  readonly message: string
}

/** Thrown by a command that has a code of its own to say. */
export class AdminFailure extends Error {
  override readonly name = 'AdminFailure'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

export type ParsedRequest =
  | { readonly request: AdminRequest }
  /** `id` is null where the line was too broken to find one. */
  | { readonly id: number | null; readonly error: AdminError }

export function parseRequest(line: string): ParsedRequest {
  const value = parseObject(line)
  if (value === undefined) return badRequest(null, 'a request is one JSON object on one line')
  const id = typeof value.id === 'number' ? value.id : null
  if (value.v !== PROTOCOL_VERSION) {
    const message = `this daemon speaks version ${PROTOCOL_VERSION} of the admin protocol ("v":${PROTOCOL_VERSION})`
    return { id, error: { code: 'unsupported-version', message } }
  }
  if (id === null) return badRequest(null, 'a request has a number as "id"')
  if (typeof value.command !== 'string') return badRequest(id, 'a request has a text as "command"')
  const given = value.arguments ?? {}
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    return badRequest(id, '"arguments" of a request are an object')
  }
  return { request: { id, command: value.command, arguments: given as Readonly<Record<string, unknown>> } }
}

/** The line to send, with its line feed. */
export function encodeRequest(request: AdminRequest): string {
  return `${JSON.stringify({ v: PROTOCOL_VERSION, ...request })}\n`
}

export function encodeAnswer(id: number | null, answer: AdminAnswer): string {
  return `${JSON.stringify({ v: PROTOCOL_VERSION, id, ...answer })}\n`
}

/** The answer in a line, or undefined when it is none to this request. */
export function parseAnswer(line: string, id: number): AdminAnswer | undefined {
  const value = parseObject(line)
  if (value === undefined || value.v !== PROTOCOL_VERSION || value.id !== id) return undefined
  if (value.ok === true) return { ok: true, result: value.result }
  const error = value.error as Partial<AdminError> | undefined
  if (typeof error?.code !== 'string' || typeof error.message !== 'string') return undefined
  return { ok: false, error: { code: error.code, message: error.message } }
}

function badRequest(id: number | null, message: string): ParsedRequest {
  return { id, error: { code: 'bad-request', message } }
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
