/** One complete reply of a server, as the parser shows it to whoever asked. One per connection, filled again and again. */

/** What the first word of a reply says. Errors are replies like others: the server is well. */
export const Code = {
  /** `HD`, the meta protocol's yes. */
  hd: 0,
  /** `VA`: data follows. */
  va: 1,
  /** `EN`: a miss of `mg` or `me`. */
  en: 2,
  /** `NF`, or NOT_FOUND. */
  nf: 3,
  /** `NS`, or NOT_STORED. */
  ns: 4,
  /** `EX`, or EXISTS. */
  ex: 5,
  /** `ME`. */
  me: 6,
  /** `MN`. */
  mn: 7,
  /** VALUE blocks and END; no block at all is a miss. */
  values: 8,
  stored: 9,
  deleted: 10,
  touched: 11,
  ok: 12,
  number: 13,
  version: 14,
  /** ERROR, CLIENT_ERROR, SERVER_ERROR. */
  error: 15,
} as const

export class Reply {
  /** A value of Code. */
  code = 0
  bytes: Buffer
  /** The whole reply, line ends included, is bytes[start, end). */
  start = 0
  end = 0
  /** The first line without its line end is bytes[start, lineEnd). */
  lineEnd = 0
  /** The data of `VA`, without the line end behind it, is bytes[dataStart, dataEnd). */
  dataStart = 0
  dataEnd = 0
  /** `bytes` was made for this reply alone and is overwritten by nobody. */
  isOwned = false

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
}
