/**
 * The payload of an ADD, and what may be wrong with it, in the order in which it is found out:
 *
 *     timeout (u32, ms)   idLength (u32)   id, idLength bytes   data, the rest
 *
 *     1  fewer than 8 bytes                        CORRUPT, no answer
 *     2  timeout above seven days                  addTimeout
 *     3  idLength leaves no data, or is absurd     addCorrupt
 *     4  no id, or one above 64 bytes              addIdLength
 *     5  data above 32768 bytes                    addDataLength; cannot be, a message holds less
 *
 * Whether the id is there already (addPresent) is for whoever stores it.
 */
import { ADD_PREFIX_BYTES, ID_BYTES, MAX_TIMEOUT_MS, MESSAGE_BYTES } from './limits.ts'
import { Code } from './message.ts'
import { CORRUPT } from './message-decoder.ts'

/** Filled anew by each `read`, so that reading makes no object. */
export class AddRequest {
  timeoutMs = 0
  /** The id is bytes[idStart, dataStart), the data bytes[dataStart, dataEnd) of what was read. */
  idStart = 0
  dataStart = 0
  dataEnd = 0

  /** Reads bytes[start, end). Returns Code.ok, a code of the list above, or CORRUPT; the fields are good after Code.ok only. */
  read(bytes: Buffer, start: number, end: number): number {
    if (end - start < ADD_PREFIX_BYTES) return CORRUPT
    const timeoutMs = uint32At(bytes, start)
    if (timeoutMs > MAX_TIMEOUT_MS) return Code.addTimeout
    const idBytes = uint32At(bytes, start + 4)
    const idStart = start + ADD_PREFIX_BYTES
    if (idBytes >= end - idStart) return Code.addCorrupt
    if (idBytes === 0 || idBytes > ID_BYTES) return Code.addIdLength
    if (end - idStart - idBytes > MESSAGE_BYTES) return Code.addDataLength
    this.timeoutMs = timeoutMs
    this.idStart = idStart
    this.dataStart = idStart + idBytes
    this.dataEnd = end
    return Code.ok
  }
}

function uint32At(bytes: Buffer, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
