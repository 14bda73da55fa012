/** A purge that was obeyed here and waits, for as long as the pool may take, for whether the other nodes will hear of it. */
import type { FleetState } from '../cache/purge/fleet-purger.ts'
import type { PurgeOrder } from '../cache/purge/order.ts'
import { TimerEntry } from '../net/timer-wheel.ts'
import { clock } from '../util/clock.ts'
import type { Client } from './client.ts'
import { Exchange } from './exchange.ts'
import type { RequestContext } from './request-context.ts'
import type { CacheRuntime } from './runtime.ts'

export class PurgeWait extends Exchange {
  readonly #answer: (state: FleetState) => void
  readonly #patience: Patience
  #number = 0

  /** `answer` is called once, in a later turn, unless the client goes away. */
  constructor(client: Client, context: RequestContext, answer: (state: FleetState) => void) {
    super(client, context)
    this.#answer = answer
    this.#patience = new Patience(() => this.#end('pending'))
  }

  begin(cache: CacheRuntime, order: PurgeOrder): void {
    const { fleet, wheel } = this.context.worker
    const publication = { cacheName: cache.plan.name, cacheId: cache.memoryId, order }
    this.#number = fleet.publish(publication, (state) => this.#end(state))
    wheel.schedule(this.#patience, clock.monotonicMs + cache.pool!.plan.timeoutMs)
  }

  override onClientGone(): void {
    this.#stop()
  }

  #end(state: FleetState): void {
    this.#stop()
    this.guard(() => {
      clock.update()
      this.#answer(state)
    })
  }

  #stop(): void {
    this.context.worker.fleet.forget(this.#number)
    this.context.worker.wheel.cancel(this.#patience)
  }
}

class Patience extends TimerEntry {
  readonly #onTimeout: () => void

  constructor(onTimeout: () => void) {
    super()
    this.#onTimeout = onTimeout
  }

  override onTimeout(): void {
    this.#onTimeout()
  }
}
