/**
 * What `dc-server` and `dc-client` have in common as processes: going to the background, giving up root, pid file, the file of
 * the socket, signals.
 *
 * A Node process cannot fork, so `-daemon` starts the program again, in a session of its own, with a pipe in place of a terminal:
 *
 *     parent ──spawn──> child: opens its socket, writes its pid file, changes its user
 *       │ <──messages──   │
 *       │ <──"\0"──       ready: leaves the folder, closes the pipe, serves
 *       exit 0            └── or ends before: its messages were passed on, exit 1
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, chownSync, closeSync, writeFileSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import { dropPrivileges, findIdentity } from '../daemon/privileges.ts'
import { type Address, addressText, isLocal } from '../distcache/address.ts'
import { describeError, errorCode } from '../log/errno.ts'
import { EXIT_DC_FAILED, EXIT_DC_OK } from './dc-command.ts'
import type { DcOption, DcValues } from './dc-options.ts'
import { UsageError } from './options.ts'
import type { Terminal } from './terminal.ts'

export const dcProcessOptions: readonly DcOption[] = [
  { name: 'daemon', value: undefined, doc: 'go to the background once the socket is open' },
  { name: 'user', value: 'NAME', doc: 'become this user, with its groups, once the socket is open' },
  { name: 'sockowner', value: 'NAME', doc: 'give the file of a unix socket to this user' },
  { name: 'sockgroup', value: 'NAME', doc: 'give the file of a unix socket to this group' },
  {
    name: 'sockperms',
    value: 'OCTAL',
    doc: 'mode of the file of a unix socket; default 600, connecting needs write permission',
  },
  { name: 'pidfile', value: 'PATH', doc: 'write the process id there' },
  { name: 'killable', value: undefined, doc: 'end on SIGUSR1 and SIGUSR2, which are ignored otherwise' },
]

/** A line to standard error, or to whoever started the daemon; nowhere once that is in the background. */
export type Say = (level: 'Info' | 'Warning' | 'Error', message: string) => void

/** What a program serves with. */
export interface DcService {
  /** Called when the process is who it is to be: for what must not happen before. */
  readonly begin?: () => void
  readonly close: () => void
}

/** Set in the child. */
const DETACHED = 'SHELLAC_DC_DETACHED'
const PIPE_FD = 3
const READY = '\0'
/** Messages of a child that are passed on. */
const MAX_MESSAGE_BYTES = 64 * 1024

/**
 * Runs a program until it is told to end, in the background if `values` say so. `open` listens on the address it is given,
 * and rejects with an Error for the operator. Resolves with the exit code.
 */
export async function runDcProcess(
  values: DcValues,
  terminal: Terminal,
  address: Address,
  open: (address: Address, say: Say) => Promise<DcService>,
): Promise<number> {
  const mode = readMode(values)
  const isDetached = process.env[DETACHED] !== undefined
  if (values.has('daemon') && !isDetached) return detach(terminal)
  delete process.env[DETACHED]
  const place = isDetached ? new ParentPipe() : undefined
  const write = (text: string) => (place === undefined ? terminal.err(text) : place.write(text))
  const say: Say = (level, message) => write(`${level}, ${message}\n`)
  let service: DcService | undefined
  try {
    service = await open(isDetached ? withoutFolder(address) : address, say)
    const end = untilTold(values.has('killable'))
    adaptSocketFile(values, address, mode, say)
    writePid(values)
    becomeUser(values)
    service.begin?.()
    place?.ready()
    await end
    return EXIT_DC_OK
  } catch (error) {
    say('Error', describeError(error))
    return EXIT_DC_FAILED
  } finally {
    service?.close()
  }
}

/** The file of the socket is removed at the end, when the process has left the folder it was started in. */
function withoutFolder(address: Address): Address {
  return address.kind === 'unix' ? { kind: 'unix', path: resolve(address.path) } : address
}

/** What `listen` resolves with; where the system refuses, the error names the address, as others do by themselves. */
export async function listenOrSayWhere<T>(address: Address, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen()
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    throw new Error(`cannot listen on ${addressText(address)}: ${describeError(error)}`)
  }
}

/** Says so when strangers may read what is served at `address`. */
export function warnOfStrangers(address: Address, hasTls: boolean, say: Say): void {
  if (hasTls || isLocal(address)) return
  say(
    'Warning',
    `whoever reaches ${addressText(address)} can read every session: use -tls-cert, -tls-key and -tls-ca, or a UNIX: address`,
  )
}

/** undefined where the option is not given. Throws a UsageError. */
function readMode(values: DcValues): number | undefined {
  const text = values.get('sockperms')
  if (text === undefined) return undefined
  if (!/^0?[0-7]{1,3}$/.test(text)) throw new UsageError(`-sockperms is an octal mode such as 660, not "${text}"`)
  return Number.parseInt(text, 8)
}

function adaptSocketFile(values: DcValues, address: Address, mode: number | undefined, say: Say): void {
  if (address.kind !== 'unix') return
  const { path } = address
  const owner = values.get('sockowner')
  const group = values.get('sockgroup')
  const attempt = (what: string, change: () => void) => {
    try {
      change()
    } catch (error) {
      say('Warning', `cannot change the ${what} of "${path}": ${describeError(error)}`)
    }
  }
  const keep = -1
  if (owner !== undefined) {
    attempt('owner', () => chownSync(path, findIdentity({ user: owner, group: undefined })!.uid, keep))
  }
  if (group !== undefined) {
    attempt('group', () => chownSync(path, keep, findIdentity({ user: undefined, group })!.gid))
  }
  if (mode !== undefined) attempt('mode', () => chmodSync(path, mode))
}

/** Without line end, and left there at the end, as the original does. */
function writePid(values: DcValues): void {
  const path = values.get('pidfile')
  if (path === undefined) return
  try {
    writeFileSync(path, `${process.pid}`)
  } catch (error) {
    throw new Error(`cannot write pid file "${path}": ${describeError(error)}`)
  }
}

/** Throws an Error for the operator. */
function becomeUser(values: DcValues): void {
  const user = values.get('user')
  if (user !== undefined) dropPrivileges(findIdentity({ user, group: undefined })!, [])
}

/** Resolves when a signal says that it is over. SIGUSR1 would otherwise open Node's debugger. */
function untilTold(isKillable: boolean): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve())
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
      process.on(signal, () => {
        if (isKillable) resolve()
      })
    }
  })
}

/** Starts this program again in the background and waits until it serves. Resolves with the exit code. */
async function detach(terminal: Terminal): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, [DETACHED]: '1' },
  })
  const isReady = await readMessages(child, terminal)
  child.unref()
  return isReady ? EXIT_DC_OK : EXIT_DC_FAILED
}

/** Passes on what the child says. Resolves at the end of it, with whether the child is ready. */
function readMessages(child: ChildProcess, terminal: Terminal): Promise<boolean> {
  return new Promise((resolve) => {
    const pipe = child.stdio[PIPE_FD] as NodeJS.ReadableStream
    let text = ''
    pipe.setEncoding('utf8')
    pipe.on('data', (more: string) => {
      if (text.length < MAX_MESSAGE_BYTES) text += more
    })
    const end = () => {
      terminal.err(text.replaceAll(READY, ''))
      resolve(text.endsWith(READY))
    }
    pipe.on('end', end)
    child.on('error', (error) => {
      text = `Error, ${describeError(error)}\n`
      end()
    })
  })
}

/** In the child: the way to whoever waits for it to be ready. */
class ParentPipe {
  #isOpen = true

  write(text: string): void {
    if (!this.#isOpen) return
    try {
      writeSync(PIPE_FD, text)
    } catch {
      this.#isOpen = false // the parent was killed; the daemon is what matters
    }
  }

  ready(): void {
    process.chdir('/')
    this.write(READY)
    this.#isOpen = false
    closeSync(PIPE_FD)
  }
}
