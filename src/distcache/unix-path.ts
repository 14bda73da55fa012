/**
 * Making way for a unix socket. The original programs unlink whatever is at the path: a live server's socket, or a file. Here
 * only a socket nobody listens on is removed.
 */
import { lstatSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'

/** Resolves when there is nothing at `path`; rejects with an Error for the operator when something is in the way. */
export async function clearUnixPath(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new Error(`"${path}" is in the way: it is no socket, and is left alone`)
  if (await isListenedOn(path)) throw new Error(`"${path}" is in use: somebody listens there`)
  unlinkSync(path)
}

/** What refuses connections is left over from a process that has ended; anything else may be alive. */
function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'))
  })
}
