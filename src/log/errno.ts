/** System errors in words an operator knows. */

const words: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'permission denied'],
  ['EPERM', 'not permitted'],
  ['ENOENT', 'no such file or folder'],
  ['ENOTDIR', 'a part of the path is not a folder'],
  ['EISDIR', 'is a folder'],
  ['ENOSPC', 'no space left on the device'],
  ['EDQUOT', 'disk quota reached'],
  ['EROFS', 'read-only file system'],
  ['EIO', 'input/output error'],
  ['EMFILE', 'too many open files in this process'],
  ['ENFILE', 'too many open files in the system'],
  ['EADDRINUSE', 'address already in use'],
  ['EADDRNOTAVAIL', 'no network interface has this address'],
  ['ECONNREFUSED', 'nobody is listening'],
  ['ENAMETOOLONG', 'name too long'],
  ['EPIPE', 'the reader is gone'],
])

/** The code of a system error (`ENOENT`), or undefined for anything else that was thrown. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** `permission denied (EACCES)`; an error without a known code says its own message. */
export function describeError(error: unknown): string {
  const code = errorCode(error)
  const known = code === undefined ? undefined : words.get(code)
  if (known !== undefined) return `${known} (${code})`
  return error instanceof Error ? error.message : String(error)
}
