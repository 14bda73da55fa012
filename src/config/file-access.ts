/** What reading a configuration may touch outside its text: files, the environment, credentials. Nothing else, no sockets. */
import { globSync, readFileSync, statSync } from 'node:fs'
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
    const status = statSync(path)
    // Reading a FIFO or a device would wait for ever, or never end.
    if (!status.isFile() && !status.isDirectory()) throw errno('ENXIO', path)
    if (status.size > MAX_FILE_BYTES) throw errno('EFBIG', path)
    return readFileSync(path, 'utf8')
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
  ['EFBIG', `it has more than ${MAX_FILE_BYTES >> 20} MiB`],
])

/** Why a file could not be read, in words; what has no errno is a defect and thrown on. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  if (code === undefined) throw error
  return reasons.get(code) ?? code
}
