/**
 * Sockets for workers that start after root was given up and could no longer open the ports below 1024.
 *
 * They are bound while the process is root and not listened on: a socket that only holds its port gets no connection, also
 * beside others that share it. Whoever replaces a worker is given one for each such address; Node moves bound TCP sockets
 * to another thread. It can neither move a unix socket nor make a second descriptor of one, so these have one listener.
 */
import { type BoundSocket, isIP } from 'node:net'
import { addressText, type BoundAddress } from '../net/listener.ts'
import type { ListenAddress } from '../plan/plan.ts'
import { bindAddress } from './address-probe.ts'

/** Replaced workers that still get each port: more have died than any fault should be allowed to go unseen. */
const SPARES = 32

export class HeldSockets {
  readonly #spares: Map<string, BoundSocket[]> = new Map()

  /** Binds sockets for these addresses. Gives back those that cannot be held: their host is a name. */
  hold(addresses: readonly ListenAddress[]): ListenAddress[] {
    return addresses.filter((address) => {
      if (address.kind !== 'tcp' || (address.host !== '*' && isIP(address.host) === 0)) return true
      const spares = Array.from({ length: SPARES }, () => bindAddress(address.host, address.port, true))
      this.#spares.set(addressText(address), spares)
      return false
    })
  }

  /** One socket for each held address among these, as long as there are any; they are the caller's. */
  take(addresses: readonly ListenAddress[]): BoundAddress[] {
    return addresses.flatMap((each) => {
      const address = addressText(each)
      const socket = this.#spares.get(address)?.pop()
      return socket === undefined ? [] : [{ address, socket }]
    })
  }

  /** Gives up the ports that are not among these. */
  retain(addresses: readonly ListenAddress[]): void {
    const wanted = new Set(addresses.map(addressText))
    for (const [address, spares] of this.#spares) {
      if (wanted.has(address)) continue
      for (const socket of spares) socket.close()
      this.#spares.delete(address)
    }
  }
}
