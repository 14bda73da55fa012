/** A place where a fleet's log may lie, and what was seen there last. */
import { decodeLog, type FleetLog, lastOf } from './fleet-log.ts'

/** What a server says of the item: `stamp` is another one after every change. */
export interface FleetItem {
  readonly stamp: string
  readonly value: Buffer
  /** For `write`. */
  readonly cas: string
}

/** Nothing here rejects; a server that does not answer in time is `unreachable`. */
export interface FleetStore {
  /** Equal for two stores that are the same place. */
  readonly place: string
  /** Label of the server. */
  readonly server: string
  /** Most bytes the item may have. */
  readonly maxBytes: number
  /** `known`: the stamp of what was read before; `same`: it still is that. */
  read(known: string | undefined): Promise<FleetItem | 'same' | 'absent' | 'unreachable'>
  /** Over the item with this CAS value, or undefined: only if there is none. `last`: changes with every new log. */
  write(value: Buffer, last: number, over: string | undefined): Promise<'stored' | 'changed' | 'unreachable'>
}

export class FleetView {
  readonly store: FleetStore
  /** It answered when it was read last. */
  isReached = false
  /** undefined: there is none, or something that is no log. */
  log: FleetLog | undefined = undefined
  /** Of what lies there, log or not. */
  cas: string | undefined = undefined
  /** undefined: it has to be read whatever it is, as it was written since, or is none. */
  #stamp: string | undefined = undefined

  constructor(store: FleetStore) {
    this.store = store
  }

  /** The last number of its log; 0: it has none. */
  get last(): number {
    return this.log === undefined ? 0 : lastOf(this.log)
  }

  async refresh(): Promise<void> {
    const item = await this.store.read(this.#stamp)
    this.isReached = item !== 'unreachable'
    if (item === 'same') return
    if (typeof item === 'string') {
      this.#stamp = undefined
      // What is out of reach may be what it was.
      if (item === 'absent') this.#note(undefined, undefined)
      return
    }
    this.#stamp = item.stamp
    this.#note(decodeLog(item.value), item.cas)
  }

  /** What was read is not what is there now. */
  forget(): void {
    this.#stamp = undefined
  }

  #note(log: FleetLog | undefined, cas: string | undefined): void {
    this.log = log
    this.cas = cas
  }
}
