/** A socket file outlives a killed daemon and would keep the next one from listening. */
import { lstatSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { describeError, errorCode } from '../log/errno.ts'

/** A living daemon on this machine answers a connect at once. */
const PROBE_MS = 1000

/**
 * Removes the socket file if nobody answers on it; does nothing when there is none. Rejects with an Error for the
 * operator when somebody does, or when there is a file of another kind: that is never removed.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return
  if (!stats.isSocket()) throw new Error('there is a file of another kind')
  const reason = await connectError(path)
  if (reason === undefined) throw new Error('another daemon answers there; stop it first')
  if (errorCode(reason) !== 'ECONNREFUSED') {
    throw new Error(`cannot tell whether a daemon lives there: ${describeError(reason)}`)
  }
  rmSync(path, { force: true })
}

/** undefined: somebody answered, or keeps silent. */
function connectError(path: string): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const finish = (error: Error | undefined): void => {
      socket.destroy()
      resolve(error)
    }
    socket.setTimeout(PROBE_MS, () => finish(undefined))
    socket.once('connect', () => finish(undefined))
    socket.once('error', finish)
  })
}
