/** What is said: four operations, each a request and one response, and the codes of responses. */

/** As it stands in the header of a frame. */
export const Operation = {
  /** Request: timeout (u32, ms), length of the id (u32), id, data. Never replaces. */
  add: 0,
  /** Request: the id. Response: the data, or one byte, Code.absent. */
  get: 1,
  /** Request: the id. */
  remove: 2,
  /** Request: the id. */
  have: 3,
} as const

/** A response is one byte, except for the data of a GET. */
export const Code = {
  ok: 0,
  /** GET, REMOVE, HAVE: no such session. */
  absent: 1,
  /** From an agent: it has no server, or lost it with the request in flight. */
  disconnected: 2,
  /** ADD: the length of the id leaves no data. */
  addCorrupt: 100,
  /** ADD: a session with this id is stored already, and stays as it is. */
  addPresent: 101,
  /** ADD: more than seven days. */
  addTimeout: 102,
  /** ADD: no id, or one of more than 64 bytes. */
  addIdLength: 103,
  /** ADD: more data than a message holds. */
  addDataLength: 104,
} as const

const operationNames = ['ADD', 'GET', 'REMOVE', 'HAVE'] as const

/** `ADD`, `GET`, `REMOVE`, `HAVE`; `?` for what is no operation. */
export function operationName(operation: number): string {
  return operationNames[operation] ?? '?'
}

const codeNames: ReadonlyMap<number, string> = new Map([
  [Code.ok, 'ok'],
  [Code.absent, 'absent'],
  [Code.disconnected, 'disconnected'],
  [Code.addCorrupt, 'corrupt'],
  [Code.addPresent, 'present'],
  [Code.addTimeout, 'timeout out of range'],
  [Code.addIdLength, 'id length out of range'],
  [Code.addDataLength, 'data too long'],
])

/** A word or two for people; the number for a code nobody defined. */
export function codeName(code: number): string {
  return codeNames.get(code) ?? String(code)
}
