/**
 * Servers that have failed and are not yet ejected. It takes several failures in a row to eject a server, but they need not all
 * be waited for by clients: from the first one on reads do not ask it, and what proves it well, or brings on its ejection, is a
 * request of our own, one at a time. So a server that is gone costs one timeout, and one that was late for once is asked
 * again a round trip later.
 *
 * Failures are counted by the pool, for all threads of the machine; with `eject off;` nobody counts, and nobody is suspected.
 */
import type { Pool } from '../../../memcached/pool.ts'

export class Suspects {
  readonly #pool: Pool
  readonly #ask: (server: number, onAnswer: () => void) => boolean
  /** Servers that are being asked. */
  readonly #asked = new Set<number>()

  /** `ask`: sends something harmless to a server, and tells when it was answered or has failed; false: it was refused. */
  constructor(pool: Pool, ask: (server: number, onAnswer: () => void) => boolean) {
    this.#pool = pool
    this.#ask = ask
  }

  /** Whether a read had better not wait for the server; -1 is none. */
  avoids(server: number): boolean {
    if (server < 0 || this.#pool.state.failures(server) === 0) return false
    if (!this.#asked.has(server)) {
      this.#asked.add(server)
      if (!this.#ask(server, () => this.#asked.delete(server))) this.#asked.delete(server)
    }
    return true
  }
}
