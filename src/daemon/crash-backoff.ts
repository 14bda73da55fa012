/** How long to wait before a worker is replaced: not at all, unless it dies again and again right after its start. */

/** A worker that lived this long was no victim of its own start. */
const SOUND_LIFE_MS = 10_000
const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 10_000

export class CrashBackoff {
  /** Deaths in a row that came right after the start. */
  deaths = 0

  /** To be called once per death; the wait in milliseconds: 0, 100, 200, 400 ... 10,000. */
  died(livedMs: number): number {
    if (livedMs >= SOUND_LIFE_MS) this.deaths = 0
    this.deaths++
    return this.deaths === 1 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (this.deaths - 2), LONGEST_DELAY_MS)
  }
}
