/** What stands for a server in the ring, as in twemproxy: two proxies agree on who owns a key only if they agree on this. */
import type { ListenAddress } from '../plan/plan.ts'

/** Left out of labels, as libmemcached does. */
const MEMCACHED_PORT = 11211

/** The name if there is one, else the address: `host:port`, `host` alone for port 11211, `/path:` for a unix socket. */
export function serverLabel(name: string | undefined, address: ListenAddress): string {
  if (name !== undefined) return name
  // The colon is twemproxy's, which writes path and port with one and then has no port.
  if (address.kind === 'unix') return `${address.path}:`
  return address.port === MEMCACHED_PORT ? address.host : `${address.host}:${address.port}`
}

/** Shorter labels first, equal lengths by bytes. */
export function compareLabels(a: string, b: string): number {
  return Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b))
}
