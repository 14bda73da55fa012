/**
 * From root to the user of the configuration, once the sockets are open.
 *
 * The hard part is a worker that dies afterwards: its replacement opens its sockets as that user. Linux lets sockets share
 * a port only when they belong to one user, so the open ones are given to the new user first. A port below 1024 can no
 * longer be opened by then, unless the system allows it to everybody (sysctl net.ipv4.ip_unprivileged_port_start); for
 * these the main thread holds sockets that are bound already (held-sockets.ts).
 */
import { chownSync, fchownSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { describeError } from '../log/errno.ts'
import type { ListenAddress, ProcessPlan } from '../plan/plan.ts'

export interface Identity {
  readonly user: string
  readonly uid: number
  readonly group: string
  readonly gid: number
}

/** Who to become: undefined when the Plan names nobody. Throws an Error with a message for the operator. */
export function findIdentity(plan: Pick<ProcessPlan, 'user' | 'group'>): Identity | undefined {
  if (plan.user === undefined && plan.group === undefined) return undefined
  const user = plan.user === undefined ? undefined : findEntry('/etc/passwd', plan.user)
  if (plan.user !== undefined && user === undefined) {
    throw new Error(`process user "${plan.user}" does not exist; create it ("useradd --system ${plan.user}")`)
  }
  const group = plan.group === undefined ? undefined : findEntry('/etc/group', plan.group)
  if (plan.group !== undefined && group === undefined) {
    throw new Error(`process group "${plan.group}" does not exist; create it ("groupadd --system ${plan.group}")`)
  }
  return {
    user: plan.user ?? String(process.getuid!()),
    uid: user?.id ?? process.getuid!(),
    group: plan.group ?? plan.user!,
    gid: group?.id ?? user!.gid,
  }
}

/** Documented by Node, absent from its type definitions: the groups of the user in /etc/group, and one more. */
type InitGroups = (user: number, extraGroup: number) => void

/**
 * Gives up root for good, in all threads. `owned` are files the daemon wrote as root and must replace or remove later.
 * Does nothing when the process already is that user; throws when it is neither that user nor root.
 */
export function dropPrivileges(identity: Identity, owned: readonly string[]): void {
  const { user, uid, group, gid } = identity
  if (process.geteuid!() === uid && process.getegid!() === gid) return
  if (process.geteuid!() !== 0) {
    throw new Error(`cannot become user "${user}": only root may change the user; remove "user" or start as root`)
  }
  for (const path of owned) chownIfThere(path, uid, gid)
  for (const fd of openSockets()) fchownSync(fd, uid, gid)
  try {
    // Groups first: without root they could not be changed any more.
    process.setgid!(gid)
    ;(process as typeof process & { initgroups: InitGroups }).initgroups(uid, gid)
    process.setuid!(uid)
  } catch (error) {
    throw new Error(`cannot become user "${user}" and group "${group}": ${describeError(error)}`)
  }
}

/** The addresses a replaced worker could not open again as this user. */
export function portsLostWithRoot(addresses: readonly ListenAddress[]): ListenAddress[] {
  const first = firstUnprivilegedPort()
  return addresses.filter((address) => address.kind === 'tcp' && address.port < first)
}

function firstUnprivilegedPort(): number {
  try {
    const text = readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1')
    return Number.parseInt(text, 10)
  } catch {
    return 1024
  }
}

/** `name:x:id:gid:...` of passwd(5), `name:x:id:...` of group(5); a bare number stands for itself. */
function findEntry(file: string, name: string): { id: number; gid: number } | undefined {
  const entries = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const entry = entries.find((fields) => fields[0] === name || fields[2] === name)
  if (entry === undefined) return undefined
  return { id: Number.parseInt(entry[2]!, 10), gid: Number.parseInt(entry[3] ?? '', 10) }
}

function chownIfThere(path: string, uid: number, gid: number): void {
  try {
    chownSync(path, uid, gid)
  } catch {
    // A log may be /dev/stdout or on a file system without owners; if it cannot be written later, the log says so.
  }
}

/** Workers are threads, so their descriptors are this process's. */
function openSockets(): number[] {
  return readdirSync('/proc/self/fd')
    .filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')
      } catch {
        return false // the descriptor of the listing itself
      }
    })
    .map((fd) => Number.parseInt(fd, 10))
}
