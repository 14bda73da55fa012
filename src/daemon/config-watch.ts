/**
 * Calls when the files of the configuration have changed and come to rest.
 *
 * Events of the file system are taken as hints only: which ones come for a rename, a swapped link or a save in place differs
 * between editors and file systems. After the last hint the files themselves are compared with what was loaded, so a
 * touch without a change, or an editor's swap file, reloads nothing.
 */
import { type FSWatcher, watch } from 'chokidar'
import { fingerprint, newestChangeMs, planWatch, type WatchPlan } from './config-files.ts'

/** File times move in steps of the kernel's clock, at most this coarse. */
const CLOCK_GRAIN_MS = 10
/** However long files keep changing, they are looked at after this many pauses. */
const MOST_PAUSES = 20

export interface ConfigWatchOptions {
  readonly onChange: () => void
  readonly onError: (error: unknown) => void
}

export class ConfigWatch {
  readonly #options: ConfigWatchOptions
  #watcher: FSWatcher | undefined
  #files: readonly string[] = []
  #watched: WatchPlan = planWatch([])
  #fingerprint = ''
  #debounceMs = 0
  #timer: NodeJS.Timeout | undefined
  #firstHintMs = 0
  #giveUpReady: () => void = () => {}

  constructor(options: ConfigWatchOptions) {
    this.#options = options
  }

  /**
   * Watches these files from now on, as they are now. Called after every load, also a failed one: its files are where the
   * correction will come from. `loadedAtMs` is the wall clock before that load. Resolves when the watch is in place.
   */
  async follow(files: readonly string[], loadedAtMs: number, debounceMs: number): Promise<void> {
    this.#files = files
    this.#debounceMs = debounceMs
    // What was saved while it was being read may have been read half: it is looked at again.
    const isSettled = newestChangeMs(files) < loadedAtMs - CLOCK_GRAIN_MS
    this.#fingerprint = isSettled ? fingerprint(files) : ''
    const planned = planWatch(files)
    if (this.#watcher !== undefined && sameWatch(planned, this.#watched)) {
      if (!isSettled) this.#hint()
      return
    }
    this.#watched = planned
    const before = this.#watcher
    this.#watcher = this.#open(planned)
    await Promise.all([before?.close(), this.#untilReady(this.#watcher)])
    // What was saved between the two watches gave no event.
    this.#hint()
  }

  /** Nothing is called any more; `follow` begins anew. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const watcher = this.#watcher
    this.#watcher = undefined
    this.#watched = planWatch([])
    this.#giveUpReady()
    await watcher?.close()
  }

  /** A watcher that is closed before it is ready never says so. */
  #untilReady(watcher: FSWatcher): Promise<void> {
    this.#giveUpReady()
    return new Promise((resolve) => {
      this.#giveUpReady = resolve
      watcher.once('ready', resolve)
    })
  }

  #open(plan: WatchPlan): FSWatcher {
    const folders = new Set(plan.folders)
    const watcher = watch([...folders], {
      depth: 0,
      ignoreInitial: true,
      followSymlinks: false,
      ignored: (path) => !folders.has(path) && !plan.entries.has(path) && !isEntryOf(path, plan.wholeFolders),
    })
    watcher.on('all', () => this.#hint())
    watcher.on('error', this.#options.onError)
    return watcher
  }

  #hint(): void {
    if (this.#watcher === undefined) return
    const nowMs = performance.now()
    if (this.#timer === undefined) this.#firstHintMs = nowMs
    else if (nowMs - this.#firstHintMs > this.#debounceMs * MOST_PAUSES) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), this.#debounceMs)
  }

  #look(): void {
    this.#timer = undefined
    const now = fingerprint(this.#files)
    if (now === this.#fingerprint) return
    this.#fingerprint = now
    this.#options.onChange()
  }
}

function isEntryOf(path: string, folders: ReadonlySet<string>): boolean {
  const slash = path.lastIndexOf('/')
  return folders.has(slash === 0 ? '/' : path.slice(0, slash))
}

function sameWatch(a: WatchPlan, b: WatchPlan): boolean {
  return (
    a.folders.length === b.folders.length &&
    a.folders.every((folder) => b.folders.includes(folder)) &&
    setsEqual(a.entries, b.entries) &&
    setsEqual(a.wholeFolders, b.wholeFolders)
  )
}

function setsEqual(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one))
}
