/** What reading a configuration may touch outside its text: files, the environment, credentials. Nothing else, no sockets. */
import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, globSync, openSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'

export interface FileAccess {
  /** The text of a file, by absolute path; throws an error with an errno `code`. */
  readFile(path: string): string
  /** Absolute paths of the files that match an absolute glob, in any order; none is no error. */
  glob(pattern: string): string[]
  /** A variable of the environment; undefined: it is not set. */
  env(name: string): string | undefined
  /** Where the service manager put the credentials (CREDENTIALS_DIRECTORY of systemd.exec(5)). */
  readonly credentialsDirectory: string | undefined
}

/** Larger files are no configuration. */
const MAX_FILE_BYTES = 4 << 20

/** Files and environment of this process. */
export const realFileAccess: FileAccess = {
  readFile(path) {
    // Without O_NONBLOCK a FIFO would be waited for.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const status = fstatSync(file)
      if (status.isDirectory()) throw errno('EISDIR', path)
      if (!status.isFile()) throw errno('ENXIO', path)
      if (status.size > MAX_FILE_BYTES) throw errno('EFBIG', path)
      return decode(readFileSync(file), path)
    } finally {
      closeSync(file)
    }
  },
  glob(pattern) {
    const takesHidden = basename(pattern).startsWith('.')
    return globSync(pattern).filter((path) => takesHidden || !basename(path).startsWith('.'))
  },
  env: (name) => process.env[name],
  get credentialsDirectory() {
    return process.env.CREDENTIALS_DIRECTORY
  },
}

function decode(bytes: Buffer, path: string): string {
  if (!isUtf8(bytes)) throw errno('EILSEQ', path)
  return bytes.toString('utf8')
}

function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

const reasons: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EISDIR', 'it is a directory'],
  ['ENOTDIR', 'a part of the path is not a directory'],
  ['ELOOP', 'too many symbolic links'],
  ['ENAMETOOLONG', 'the path is too long'],
  ['EMFILE', 'too many open files'],
  ['ENFILE', 'too many open files'],
  ['EIO', 'the disk could not be read'],
  ['ENXIO', 'it is not a regular file'],
  ['EILSEQ', 'it is not text in UTF-8'],
  ['EFBIG', `it has more than ${MAX_FILE_BYTES >> 20} MiB`],
])

/** Why a file could not be read, in words; what has no errno is a defect and thrown on. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  if (code === undefined) throw error
  return reasons.get(code) ?? code
}
