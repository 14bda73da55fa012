/**
 * The field names the proxy acts on, as small numbers, so that a head says in one bit test whether a field is there. Some
 * are met by name only: those that responses vary on, and those that must not come in disguise (proxy/disguised-fields).
 *
 * A name is found by a hash of its length, first and last letter, and one comparison; nothing is allocated. Adding a name
 * means adding it to `F`; the wire name follows from the key (`xForwardedFor` is `x-forwarded-for`).
 */

/** Id of each known field; 0 stands for any other name. Ids stay below 64, the width of the bit set in FieldList. */
export const F = {
  host: 1,
  connection: 2,
  contentLength: 3,
  transferEncoding: 4,
  upgrade: 5,
  expect: 6,
  te: 7,
  trailer: 8,
  keepAlive: 9,
  proxyConnection: 10,
  proxyAuthenticate: 11,
  proxyAuthorization: 12,
  http2Settings: 13,
  via: 14,
  forwarded: 15,
  xForwardedFor: 16,
  xForwardedProto: 17,
  xForwardedHost: 18,
  xForwardedPort: 19,
  xRealIp: 20,
  authorization: 21,
  cookie: 22,
  setCookie: 23,
  cacheControl: 24,
  pragma: 25,
  cdnCacheControl: 26,
  surrogateControl: 27,
  surrogateKey: 28,
  cacheTag: 29,
  cacheStatus: 30,
  age: 31,
  date: 32,
  expires: 33,
  etag: 34,
  lastModified: 35,
  vary: 36,
  location: 37,
  contentLocation: 38,
  contentType: 39,
  contentEncoding: 40,
  contentLanguage: 41,
  contentRange: 42,
  acceptRanges: 43,
  range: 44,
  ifRange: 45,
  ifMatch: 46,
  ifNoneMatch: 47,
  ifModifiedSince: 48,
  ifUnmodifiedSince: 49,
  accept: 50,
  acceptEncoding: 51,
  acceptLanguage: 52,
  userAgent: 53,
  referer: 54,
  origin: 55,
  maxForwards: 56,
  wwwAuthenticate: 57,
  retryAfter: 58,
  server: 59,
  warning: 60,
} as const

/** How many ids there are, 0 included: the length of tables indexed by id. */
export const FIELD_IDS = 64

/** In place of an id: a field that someone has decided not to forward (FieldList.drop). No name has it. */
export const DROPPED: number = FIELD_IDS - 1

/** Lower-case names by id; '' at 0 and at ids not given out. */
export const fieldNames: readonly string[] = buildNames()

/** Bytes of all names one behind the other; name `id` lies from nameOffset[id] up to nameOffset[id] + nameLength[id]. */
const nameBytes = new Uint8Array(fieldNames.join('').length)
const nameOffset = new Int32Array(FIELD_IDS)
const nameLength = new Int32Array(FIELD_IDS)
/** First id of each hash bucket, and the next id of the same bucket; 0 ends the chain. */
const bucketHead = new Uint8Array(256)
const bucketNext = new Uint8Array(FIELD_IDS)
const longestName = Math.max(...fieldNames.map((name) => name.length))
indexNames()

/**
 * Id of the field name in `bytes` from `start` up to `end`, in any letter case; 0 when it is none of ours.
 * The bytes must be a token: only then does `| 0x20` turn nothing but letters into the bytes of our names.
 */
export function fieldId(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  if (length > longestName) return 0
  let id = bucketHead[bucketOf(length, bytes[start]! | 0x20, bytes[end - 1]! | 0x20)]!
  for (; id !== 0; id = bucketNext[id]!) if (nameLength[id] === length && isNamed(id, bytes, start)) return id
  return 0
}

/** Id of a lower-case name, 0 when it is none of ours. */
export function fieldIdOf(name: string): number {
  const length = name.length
  if (length === 0 || length > longestName) return 0
  let id = bucketHead[bucketOf(length, name.charCodeAt(0), name.charCodeAt(length - 1))]!
  for (; id !== 0; id = bucketNext[id]!) if (fieldNames[id] === name) return id
  return 0
}

function isNamed(id: number, bytes: Uint8Array, start: number): boolean {
  const offset = nameOffset[id]!
  const length = nameLength[id]!
  for (let i = 0; i < length; i++) if ((bytes[start + i]! | 0x20) !== nameBytes[offset + i]) return false
  return true
}

function bucketOf(length: number, first: number, last: number): number {
  return (length * 23 + first * 5 + last * 3) & 0xff
}

function buildNames(): string[] {
  const names = new Array<string>(FIELD_IDS).fill('')
  for (const [key, id] of Object.entries(F)) {
    names[id] = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  }
  return names
}

function indexNames(): void {
  let offset = 0
  for (let id = 1; id < FIELD_IDS; id++) {
    const name = fieldNames[id]!
    if (name === '') continue
    for (let i = 0; i < name.length; i++) nameBytes[offset + i] = name.charCodeAt(i)
    nameOffset[id] = offset
    nameLength[id] = name.length
    offset += name.length
    const bucket = bucketOf(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1))
    bucketNext[id] = bucketHead[bucket]!
    bucketHead[bucket] = id
  }
}
