/** How much JavaScript heap a worker may use before it is ended and replaced, instead of the machine running out. */
import { totalmem } from 'node:os'

const MEBIBYTE = 1024 * 1024
const SMALLEST_BYTES = 128 * MEBIBYTE
/** Bodies and the cache lie outside the heap; 10,000 connections use a tenth of this. */
const LARGEST_BYTES = 1024 * MEBIBYTE
/** The rest is for the caches, socket buffers and everything else. */
const SHARE_OF_MEMORY = 0.5

export function workerHeapBytes(workers: number): number {
  const limit = process.constrainedMemory()
  // Without a limit of the container the answer is 0 or beyond what the machine has.
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  return Math.min(LARGEST_BYTES, Math.max(SMALLEST_BYTES, Math.floor((memory * SHARE_OF_MEMORY) / workers)))
}
