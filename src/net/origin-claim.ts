/** Somebody's wish for a connection to an origin, while it waits. */
import type { OriginErrorCode } from './origin-error.ts'
import type { OriginLink } from './origin-link.ts'
import { TimerEntry } from './timer-wheel.ts'

/** A request that needs a connection. Exactly one of the two is called, perhaps before `acquire` returns. */
export interface Claimant {
  onConnection(link: OriginLink): void
  onNoConnection(code: OriginErrorCode): void
}

/** A claimant in the queue, or one whose connection is being opened. */
export class Claim extends TimerEntry {
  readonly claimant: Claimant
  /** A stream of HTTP/2 will not do. */
  readonly needsHttp1: boolean
  /** One of the claimant's two methods was called, or it cancelled. */
  settled = false
  /** It waits in the queue (and not for a connection that is being opened). */
  queued = false
  readonly #onTimeout: (claim: Claim) => void

  constructor(claimant: Claimant, needsHttp1: boolean, onTimeout: (claim: Claim) => void) {
    super()
    this.claimant = claimant
    this.needsHttp1 = needsHttp1
    this.#onTimeout = onTimeout
  }

  override onTimeout(): void {
    this.#onTimeout(this)
  }

  /** Gives it a connection, unless it has been settled: then false. */
  grant(link: () => OriginLink): boolean {
    if (this.settled) return false
    this.settled = true
    this.claimant.onConnection(link())
    return true
  }

  refuse(code: OriginErrorCode): void {
    if (this.settled) return
    this.settled = true
    this.claimant.onNoConnection(code)
  }
}
