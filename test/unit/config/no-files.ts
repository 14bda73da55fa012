/** For configurations that read nothing. */
import type { FileAccess } from '../../../src/config/file-access.ts'

export const noFiles: FileAccess = {
  readFile: (path) => {
    throw Object.assign(new Error(path), { code: 'ENOENT' })
  },
  glob: () => [],
  env: () => undefined,
  credentialsDirectory: undefined,
}
