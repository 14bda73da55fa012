/** Bodies that say whose they are: a window of fixed noise, placed and sized by key and version. */
import { createHash } from 'node:crypto'

const NOISE_BYTES = 512 * 1024
const noise = makeNoise()

function makeNoise(): Buffer {
  const blocks: Buffer[] = []
  for (let block = 0; block < NOISE_BYTES / 64; block++) blocks.push(createHash('sha512').update(`${block}`).digest())
  return Buffer.concat(blocks)
}

/** The body of `version` of a key: up to `most` bytes, mostly short. */
export function bodyFor(key: string, version: number, most: number): Buffer {
  let seed = version
  for (let at = 0; at < key.length; at++) seed = Math.imul(seed ^ key.charCodeAt(at), 0x01000193)
  const random = seed >>> 0
  const bytes = random % (random % 4 === 0 ? most : Math.ceil(most / 16))
  const start = (random >>> 8) % (NOISE_BYTES - most)
  return noise.subarray(start, start + bytes)
}

/** `bytes` bytes that differ from one `start` to another. */
export function noiseFrom(start: number, bytes: number): Buffer {
  return noise.subarray(start, start + bytes)
}

export function headFor(key: string, version: number): Buffer {
  return Buffer.from(`HTTP/1.1 200 OK\r\nX-Key: ${key}\r\nX-Version: ${version}\r\n\r\n`, 'latin1')
}
