/** Files with keys and certificates, read whole and no further than they may reasonably be long. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { errorCode } from '../log/errno.ts'

/** Why a file cannot be read, a sentence without a subject: `cannot be read: permission denied`. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError'
}

/** A bundle of all authorities that browsers trust has a quarter of it. */
const MAX_FILE_BYTES = 1 << 20

/** Throws an UnreadableError. */
export function readSecretFile(path: string): Buffer {
  try {
    // Without O_NONBLOCK a FIFO would be waited for.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const status = fstatSync(file)
      if (!status.isFile()) throw new UnreadableError('is no regular file')
      if (status.size > MAX_FILE_BYTES) throw new UnreadableError(`has more than ${MAX_FILE_BYTES >> 20} MiB`)
      return readFileSync(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (error instanceof UnreadableError) throw error
    const code = errorCode(error)
    if (code === undefined) throw error
    throw new UnreadableError(`cannot be read: ${reasons.get(code)?.() ?? code}`)
  }
}

const reasons: ReadonlyMap<string, () => string> = new Map([
  ['ENOENT', () => 'there is no such file'],
  ['ENOTDIR', () => 'a part of the path is not a directory'],
  ['EACCES', () => `user "${userName()}" has no permission`],
  ['EPERM', () => `user "${userName()}" has no permission`],
  ['ELOOP', () => 'too many symbolic links'],
  ['EISDIR', () => 'it is a directory'],
  ['ENXIO', () => 'it is not a regular file'],
])

/** After a start as root the daemon is somebody else, which is why a renewed key may have become unreadable. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `${process.geteuid?.()}`
  }
}
