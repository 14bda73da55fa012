/** Every address that a Plan listens on, whoever serves it: HTTP listeners, memcached proxies and their statistics. */
import type { ListenAddress, Place, Plan } from '../plan/plan.ts'

/** What opens sockets together, and is named in messages about them. */
export interface ListenPoint {
  readonly kind: 'listener' | 'memcached-proxy'
  readonly name: string
  readonly addresses: readonly ListenAddress[]
  readonly place: Place
}

/** Addresses and statistics of a proxy are one point, the statistics last. */
export function listenPoints(plan: Plan): ListenPoint[] {
  return [
    ...plan.listeners.map(({ name, addresses, place }) => ({ kind: 'listener' as const, name, addresses, place })),
    ...plan.memcachedProxies.map(({ name, addresses, statsAddresses, place }) => ({
      kind: 'memcached-proxy' as const,
      name,
      addresses: [...addresses, ...statsAddresses],
      place,
    })),
  ]
}

export function addressesOf(plan: Plan): ListenAddress[] {
  return listenPoints(plan).flatMap(({ addresses }) => addresses)
}

/** The Plan with other addresses: as many for each point as it has, in the order of `listenPoints`. */
export function withAddresses(plan: Plan, addresses: readonly (readonly ListenAddress[])[]): Plan {
  const [listeners, proxies] = [addresses.slice(0, plan.listeners.length), addresses.slice(plan.listeners.length)]
  return {
    ...plan,
    listeners: plan.listeners.map((listener, at) => ({ ...listener, addresses: listeners[at]! })),
    memcachedProxies: plan.memcachedProxies.map((proxy, at) => {
      const all = proxies[at]!
      const own = proxy.addresses.length
      return { ...proxy, addresses: all.slice(0, own), statsAddresses: all.slice(own) }
    }),
  }
}
