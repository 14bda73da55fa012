/** What the process says with its exit code; one table for the commands, `shellac help` and shellac(8). */

export const EXIT_OK = 0
export const EXIT_CONFIG = 1
export const EXIT_USAGE = 2
export const EXIT_UNREACHABLE = 3
export const EXIT_START = 4
export const EXIT_FAILED = 5
export const EXIT_FORCED = 6

export const exitCodes: readonly { readonly code: number; readonly doc: string }[] = [
  { code: EXIT_OK, doc: 'done; for the daemon: ended as asked, after the last request or the drain deadline' },
  {
    code: EXIT_CONFIG,
    doc: 'the configuration has errors, or a test of it fails; for fmt --check: a file is not in canonical form',
  },
  { code: EXIT_USAGE, doc: 'unknown command, option or operand' },
  { code: EXIT_UNREACHABLE, doc: 'no daemon answers on the admin socket' },
  {
    code: EXIT_START,
    doc: 'the daemon cannot start: address in use, permission, pid file, admin socket, memory, or what "strict" asks for',
  },
  {
    code: EXIT_FAILED,
    doc: 'the daemon was asked and could not do it, or no worker could be kept alive; for mc-bench: a wrong reply, or none',
  },
  {
    code: EXIT_FORCED,
    doc: 'a second SIGTERM, SIGINT or SIGQUIT ended the daemon at once, requests in flight with it',
  },
]
