/**
 * What the original distcache programs say to each other, captured, and bytes that were sent to them by hand. `request` goes to a
 * server, `response` comes back; each conversation begins with an empty server, on one connection.
 */

/** Section of the protocol's description that the vectors are from, and what they show. */
export interface Conversation {
  readonly title: string
  readonly steps: readonly Step[]
  /** The server closes behind the last response, without another byte. */
  readonly closes: boolean
}

export interface Step {
  readonly request: Buffer
  readonly response: Buffer
  /** The request is not as our encoder would write it, though it means something. */
  readonly isOdd: boolean
}

const ID32 = '0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'
const SESSIONDATA = '53455353494f4e44415441'

/** Hex digits with blanks; `xx{n}` repeats a byte n times. */
export function bytesOf(text: string): Buffer {
  const digits = text
    .replaceAll('ID32', ID32)
    .replaceAll(/([0-9a-f]{2})\{(\d+)\}/g, (_, byte: string, count: string) => byte.repeat(Number(count)))
    .replaceAll(/\s+/g, '')
  const bytes = Buffer.from(digits, 'hex')
  if (2 * bytes.length !== digits.length) throw new Error(`not hex: ${text}`)
  return bytes
}

export const id32 = bytesOf(ID32)

function step(request: string | Buffer, response: string | Buffer = '', isOdd = false): Step {
  const bytes = (value: string | Buffer) => (typeof value === 'string' ? bytesOf(value) : value)
  return { request: bytes(request), response: bytes(response), isOdd }
}

const stays = (title: string, ...steps: Step[]): Conversation => ({ title, steps, closes: false })
const odd = (title: string, request: string, response = ''): Conversation => stays(title, step(request, response, true))
const ends = (title: string, request: string): Conversation => ({
  title,
  steps: [step(request, '', true)],
  closes: true,
})

/** Session data of 9.2: byte i is 7 * i mod 256. */
export function rampBytes(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (7 * i) % 256))
}

/** Each operation, on one connection (9.1). */
export const eachOperation = stays(
  'each operation',
  step('0011000000000000010001010020 ID32', '001100000100000001000101000101'),
  step('0011000000000000020003010020 ID32', '001100000100000002000301000101'),
  step('0011000000000000030002010020 ID32', '001100000100000003000201000101'),
  step(`0011000000000000040000010033 0000ea60 00000020 ID32 ${SESSIONDATA}`, '001100000100000004000001000100'),
  step(`0011000000000000050000010033 0000ea60 00000020 ID32 ${SESSIONDATA}`, '001100000100000005000001000165'),
  step('0011000000000000060003010020 ID32', '001100000100000006000301000100'),
  step('0011000000000000070001010020 ID32', `001100000100000007000101000b ${SESSIONDATA}`),
  step('0011000000000000080002010020 ID32', '001100000100000008000201000100'),
)

const ramp = rampBytes(2100).toString('hex')

/** Messages of several frames (9.2). */
export const severalFrames = stays(
  'several frames',
  step(
    `0011000000000000090000000800 240c8400 00000010 0102030405060708090a0b0c0d0e0f10 ${ramp.slice(0, 4048)}
     001100000000000009000001004c ${ramp.slice(4048)}`,
    '001100000100000009000001000100',
  ),
  step(
    '00110000000000000a0001010010 0102030405060708090a0b0c0d0e0f10',
    `00110000010000000a0001000800 ${ramp.slice(0, 4096)}
     00110000010000000a0001010034 00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9e0e7eef5fc030a11181f262d343b424950575e65`,
  ),
)

/** SHA-256 of the frames of `severalFrames`. */
export const frameHashes = {
  addFirst: 'd1591542a4618c21b6ea5912a4a8efb33cc40ca6b25bd14774df7162fc07bed7',
  addLast: '41398363eabc3932843dfe1126d20bc82deb6bfe3e04e73e8e2d1512bc459b09',
  getFirst: 'ba54bc36662d16d4a29b0944228c7eb5912656e33da41c82756f311811b20b52',
} as const

/** Headers of the response to a GET of so much data, uid 11. */
export const getHeaders: readonly (readonly [dataBytes: number, headers: readonly string[]])[] = [
  [2048, ['00110000010000000b0001010800']],
  [2049, ['00110000010000000b0001000800', '00110000010000000b0001010001']],
  [4096, ['00110000010000000b0001000800', '00110000010000000b0001010800']],
]

/** The largest ADD there is, and the GET of it, by SHA-256 and length of all. */
export const largest = {
  dataByte: 0x64,
  dataBytes: 32_728,
  addHash: '88381ca0b36c595573c5eb37298b25945d54629b01b969bcfd31ede38174a1ae',
  addBytes: 32_992,
  getHash: 'c6d019212338fe7456989160ca9fe9394fe356b46e1db5f9a8a6c1262b94f53d',
  getBytes: 32_952,
} as const

const ok = '001100000100000001000001000100'
const absent = '001100000100000001000101000101'

/** What is wrong with an ADD, and in which order it is found out (9.3). */
export const addErrors: readonly Conversation[] = [
  odd('8 bytes, all zero: 100', '0011000000000000010000010008 00000000 00000000', '001100000100000001000001000164'),
  odd('no id: 103', '001100000000000001000001000c 0000ea60 00000000 64617461', '001100000100000001000001000167'),
  odd(
    'an id longer than what is left: 100',
    '001100000000000001000001000e 0000ea60 00000032 616264617461',
    '001100000100000001000001000164',
  ),
  odd('no data: 100', '0011000000000000010000010028 0000ea60 00000020 ID32', '001100000100000001000001000164'),
  odd(
    'an id of 4 GiB: 100',
    '001100000000000001000001000c 0000ea60 ffffffff 64617461',
    '001100000100000001000001000164',
  ),
  odd('an id of 64 bytes: OK', '001100000000000001000001004c 0000ea60 00000040 69{64} 64617461', ok),
  odd(
    'an id of 65 bytes: 103',
    '001100000000000001000001004d 0000ea60 00000041 69{65} 64617461',
    '001100000100000001000001000167',
  ),
  odd('seven days: OK', '001100000000000001000001002c 240c8400 00000020 ID32 64617461', ok),
  odd(
    'a millisecond more: 102, before the id is looked at',
    '001100000000000001000001000c 240c8401 00000000 64617461',
    '001100000100000001000001000166',
  ),
  odd(
    'no time at all: stored, then gone',
    '001100000000000001000001002d 00000000 00000020 ID32 6461746121  0011000000000000020001010020 ID32',
    `${ok} 001100000100000002000101000101`,
  ),
]

/** Answered as usual although odd (9.4). */
export const oddities: readonly Conversation[] = [
  odd('patch level 1', '0011000100000000010001010020 ID32', absent),
  odd('patch level ffff', '0011ffff00000000010001010020 ID32', absent),
  stays('uid ffffffff', step('0011000000ffffffff0003010020 ID32', '0011000001ffffffff000301000101')),
  stays('an empty GET', step('0011000000000000010001010000', absent)),
  stays('an empty REMOVE', step('0011000000000000010002010000', '001100000100000001000201000101')),
  stays('an empty HAVE', step('0011000000000000010003010000', '001100000100000001000301000101')),
  stays('a GET of 65 bytes', step('0011000000000000010001010041 69{65}', absent)),
  stays('a GET of 2048 bytes', step('0011000000000000010001010800 69{2048}', absent)),
  stays('a GET of two frames', step('0011000000000000010001000800 69{2048} 0011000000000000010001010001 69', absent)),
  stays(
    'five requests in one write',
    step(
      `0011000000000000010000010033 0000ea60 00000020 ID32 ${SESSIONDATA} 0011000000000000020001010020 ID32
       0011000000000000030003010020 ID32 0011000000000000040002010020 ID32 0011000000000000050003010020 ID32`,
      `${ok} 001100000100000002000101000b ${SESSIONDATA} 001100000100000003000301000100
       001100000100000004000201000100 001100000100000005000301000101`,
    ),
  ),
  odd(
    'sixteen full frames and an empty one',
    `0011000000000000010000000800 0000ea60 00000020 ID32 78{2008} ${'0011000000000000010000000800 78{2048}'.repeat(15)}
     0011000000000000010000010000`,
    ok,
  ),
  odd('four bytes of another version, so far', '00100000'),
  odd('20 of 46 bytes', '0011000000000000010003010020 010203040506'),
]

/** Closed without an answer (9.5). */
export const corruptions: readonly Conversation[] = [
  ends('a response', '0011000001000000010001010020 ID32'),
  ends('neither request nor response, after five bytes', '0011000002'),
  ends('another class', '0011000000000000010101010020 ID32'),
  ends('another operation', '0011000000000000010004010020 ID32'),
  ends('complete 2', '0011000000000000010001020020 ID32'),
  ends('2049 bytes announced', '0011000000000000010001010801'),
  ends('a frame of 2047 bytes that is not the last', '00110000000000000100000007ff 78{2047}'),
  ends('an empty frame that is not the last', '0011000000000000010000000000'),
  ends('a second frame with another uid', '0011000000000000010000000800 78{2048} 001100000000000002000001000a 79{10}'),
  ends(
    'a second frame with another operation',
    '0011000000000000010000000800 78{2048} 001100000000000001000101000a 79{10}',
  ),
  ends(
    'a 17th frame with data',
    `${'0011000000000000010000000800 78{2048}'.repeat(16)} 0011000000000000010000010001 78`,
  ),
  ends('an ADD of no bytes', '0011000000000000010000010000'),
  ends('an ADD of 7 bytes', '0011000000000000010000010007 00{7}'),
  ends('an older version, after five bytes', '0010000000'),
  ends('HTTP', '474554202f20485454502f312e310d0a0d0a'),
]

export const conversations: readonly Conversation[] = [
  eachOperation,
  severalFrames,
  ...addErrors,
  ...oddities,
  ...corruptions,
]

/** What httpd's mod_ssl sends (9.7): timeout, id and data of an ADD, shortened to what is known of them. */
export const httpdAdd = {
  timeoutMs: 0x49124,
  idBytes: 32,
  dataBytes: 158,
  header: '00110000000000000100000100c6',
} as const
