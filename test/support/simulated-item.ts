/** An item of a memcached pool, without a server: many nodes see it, some of them not always. */
import type { ItemState, PinnedItem } from '../../src/memcached/pinned-item.ts'

export class SimulatedItem {
  value: Buffer | undefined = undefined
  #cas = 0

  /** `delete`, `flush_all`, an eviction. */
  clear(): void {
    this.value = undefined
  }

  put(value: Buffer): void {
    this.value = value
    this.#cas++
  }

  /** As one node reaches it while `isReachable` says so. */
  seenBy(isReachable: () => boolean, place = 'a'): PinnedItem {
    return {
      place,
      server: place,
      read: async (known) => {
        await undefined // others come between
        if (!isReachable()) return 'unreachable'
        if (this.value === undefined) return 'absent'
        const cas = String(this.#cas)
        return known === cas ? 'same' : ({ stamp: cas, cas, value: Buffer.from(this.value) } satisfies ItemState)
      },
      write: async (value, _mark, over) => {
        await undefined
        if (!isReachable()) return 'unreachable'
        const is = this.value === undefined ? undefined : String(this.#cas)
        if (is !== over) return 'changed'
        this.put(Buffer.from(value))
        return 'stored'
      },
    }
  }
}
