/**
 * Can this process listen where the Plan says? Asked before any worker is touched.
 *
 * Workers share their ports (SO_REUSEPORT), so a second Shellac of the same user would join in silently and take half of
 * the connections. The probe binds without sharing, which fails when anybody listens; it never listens itself, so it takes
 * no connection from anyone. Between probe and worker another program may still come first: then the worker says no.
 */
import { BoundSocket, isIP } from 'node:net'
import { removeStaleSocket } from '../admin/stale-socket.ts'
import { describeError, errorCode } from '../log/errno.ts'
import { addressText } from '../net/listener.ts'
import type { ListenAddress, Plan } from '../plan/plan.ts'
import { type ListenPoint, listenPoints, withAddresses } from './listen-points.ts'

/** An address that cannot be listened on; the message names it and what to do. */
export class AddressError extends Error {
  override readonly name = 'AddressError'
}

/**
 * The Plan with every port 0 replaced by a free one, the same for all workers; `before` keeps those given earlier.
 * Rejects with an AddressError for the first address that is not in `before` and cannot be bound. A socket file that was
 * left behind is removed.
 */
export async function probeAddresses(plan: Plan, before: Plan | undefined): Promise<Plan> {
  const old = before === undefined ? [] : listenPoints(before)
  const ours = new Set(old.flatMap(({ addresses }) => addresses.map(addressText)))
  const settled: ListenAddress[][] = []
  for (const point of listenPoints(plan)) {
    const same = old.find(({ kind, name }) => kind === point.kind && name === point.name)
    const addresses: ListenAddress[] = []
    for (const [at, address] of point.addresses.entries()) {
      addresses.push(await settle(address, same?.addresses[at], ours, point))
    }
    settled.push(addresses)
  }
  return withAddresses(plan, settled)
}

async function settle(
  address: ListenAddress,
  old: ListenAddress | undefined,
  ours: ReadonlySet<string>,
  point: ListenPoint,
): Promise<ListenAddress> {
  if (address.kind === 'tcp' && address.port === 0 && old?.kind === 'tcp' && old.host === address.host) return old
  const text = addressText(address)
  if (ours.has(text)) return address
  try {
    if (address.kind === 'tcp') return { ...address, port: probe(address.host, address.port) }
    await removeStaleSocket(address.path)
    return address
  } catch (error) {
    throw new AddressError(describeListenError(text, error, point))
  }
}

/** The port that was bound. A name is left to the workers: resolving it here would be a second, different answer. */
function probe(host: string, port: number): number {
  if (host !== '*' && isIP(host) === 0) return port
  const socket = bindAddress(host, port, false)
  const bound = socket.address().port
  socket.close()
  return bound
}

/** A bound socket; `*` is every address of both families, or of IPv4 where there is no other. Throws the system's error. */
export function bindAddress(host: string, port: number, reusePort: boolean): BoundSocket {
  try {
    return new BoundSocket({ host: host === '*' ? '::' : host, port, reusePort })
  } catch (error) {
    const code = errorCode(error)
    const withoutIpv6 = code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL' || code === 'EINVAL'
    if (host !== '*' || !withoutIpv6) throw error
    return new BoundSocket({ host: '0.0.0.0', port, reusePort })
  }
}

/** `cannot listen on 127.0.0.1:80 (listener "public", shellac.conf:8): permission denied (EACCES); ...` */
export function describeListenError(address: string, error: unknown, point?: ListenPoint): string {
  const where = point === undefined ? '' : ` (${point.kind} "${point.name}", ${point.place.file}:${point.place.line})`
  const code = errorCode(error)
  const cure = code === undefined ? undefined : cures.get(code)
  return `cannot listen on ${address}${where}: ${describeError(error)}${cure === undefined ? '' : `; ${cure}`}`
}

const cures: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'stop the program that listens there ("ss -ltnp" names it) or choose another port'],
  [
    'EACCES',
    'ports below 1024 need root, CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities) or a lower sysctl net.ipv4.ip_unprivileged_port_start',
  ],
  ['EADDRNOTAVAIL', 'choose an address of this machine ("ip address" lists them) or * for all'],
])
