/**
 * Reloads, one at a time. Who asks while one is running gets the result of the next, which begins when this one ends and
 * sees the files as they are then; so however many ask, at most one runs and one waits.
 */

export interface ReloadResult {
  readonly ok: boolean
  /** Who asked: `SIGHUP`, `files changed`, `command`. */
  readonly cause: string
  /** The generation that is live now. */
  readonly generation: number
  /** One line: what changed, or why nothing did. */
  readonly summary: string
  /** Diagnostics of the configuration; empty when there are none. */
  readonly diagnostics: string
  /** How many of them are errors; 0 in a refused reload: the configuration is right and the machine is not. */
  readonly configErrors: number
  readonly atMs: number
  readonly durationMs: number
}

/** What a reload would do with the files as they are now. Whether the machine would let it is seen only when it is tried. */
export interface ReloadPreview {
  /** One line: what would change; empty when the configuration has errors. */
  readonly summary: string
  /** As in ReloadResult. */
  readonly diagnostics: string
  readonly configErrors: number
}

export class Reloader {
  readonly #reload: (cause: string) => Promise<ReloadResult>
  #running: Promise<ReloadResult> | undefined
  #waiting: Promise<ReloadResult> | undefined
  /** The last one that ended. */
  last: ReloadResult | undefined

  /** `reload` does the work and never rejects. */
  constructor(reload: (cause: string) => Promise<ReloadResult>) {
    this.#reload = reload
  }

  /** Resolves with the result of a reload that began after this call. */
  request(cause: string): Promise<ReloadResult> {
    if (this.#running === undefined) return this.#run(cause)
    this.#waiting ??= this.#running.then(() => {
      this.#waiting = undefined
      return this.#run(cause)
    })
    return this.#waiting
  }

  /** Resolves when none is running or waiting. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await (this.#waiting ?? this.#running)
  }

  #run(cause: string): Promise<ReloadResult> {
    this.#running = this.#reload(cause).then((result) => {
      this.last = result
      this.#running = undefined
      return result
    })
    return this.#running
  }
}
