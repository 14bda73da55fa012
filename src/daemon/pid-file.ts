/** The file that names the daemon's process id, for service managers that want one. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describeError, errorCode } from '../log/errno.ts'

const FILE_MODE = 0o644
/** Process ids have at most 7 digits on Linux (pid_max 4194304). */
const pidText = /^[1-9][0-9]{0,6}\n?$/

/** Writes the id of this process. Throws an Error with a message for the operator when another daemon lives or the file cannot be written. */
export function writePidFile(path: string): void {
  const other = readPid(path)
  if (other !== undefined && other !== process.pid && isAlive(other)) {
    throw new Error(`pid file "${path}" names process ${other}, which is running; stop it first or remove the file`)
  }
  try {
    // Removed first: writing through a link somebody left there would overwrite what it points to.
    rmSync(path, { force: true })
    writeFileSync(path, `${process.pid}\n`, { mode: FILE_MODE, flag: 'wx' })
  } catch (error) {
    throw new Error(`cannot write pid file "${path}": ${describeError(error)}`)
  }
}

/** Removes the file if it is still ours; a failure is nobody's concern any more. */
export function removePidFile(path: string): void {
  if (readPid(path) !== process.pid) return
  try {
    rmSync(path)
  } catch {
    // After the change of user the folder may belong to somebody else; the next start replaces the file.
  }
}

function readPid(path: string): number | undefined {
  try {
    const text = readFileSync(path, 'latin1')
    return pidText.test(text) ? Number(text) : undefined
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}
