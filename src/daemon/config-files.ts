/**
 * What there is to know about the files of a configuration: which folders to watch, and whether anything differs.
 *
 * Files are replaced in many ways: written in place, renamed over (editors), reached through links that are swapped
 * (Kubernetes swaps `..data`, deployments swap `current`). A path is therefore followed link by link, and the folder of
 * every link is one in which the change may happen.
 */
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname, join, parse, resolve, sep } from 'node:path'
import { errorCode } from '../log/errno.ts'

/** As many as Linux follows in one path (path_resolution(7)). */
const MAX_LINKS = 40

export interface WatchPlan {
  /** Folders whose entries are watched, not what lies below them. */
  readonly folders: readonly string[]
  /** Absolute paths of the entries that matter in them: files and links on the way to one. */
  readonly entries: ReadonlySet<string>
  /** Folders of which every entry matters: those of include globs. */
  readonly wholeFolders: ReadonlySet<string>
}

/** Follows the links of every path. `paths` are absolute; a folder among them means all of its entries. */
export function planWatch(paths: readonly string[]): WatchPlan {
  const folders: Set<string> = new Set()
  const entries: Set<string> = new Set()
  const wholeFolders: Set<string> = new Set()
  for (const path of paths) {
    const steps = followLinks(path)
    for (const entry of steps.links) {
      entries.add(entry)
      folders.add(dirname(entry))
    }
    if (steps.isFolder) {
      wholeFolders.add(steps.end)
      folders.add(steps.end)
    } else {
      entries.add(steps.end)
      folders.add(dirname(steps.end))
    }
  }
  return { folders: [...folders], entries, wholeFolders }
}

/** `links`: every symbolic link on the way; `end`: where the way ends, whether something is there or not. */
function followLinks(path: string): { links: string[]; end: string; isFolder: boolean } {
  const links: string[] = []
  let rest = resolve(path).split(sep).filter(Boolean)
  let at = parse(resolve(path)).root
  let isFolder = true
  while (rest.length > 0) {
    const next = join(at, rest[0]!)
    rest = rest.slice(1)
    const stats = lstatOf(next)
    if (stats?.isSymbolicLink() === true && links.length < MAX_LINKS) {
      links.push(next)
      const target = resolve(at, readlinkSync(next))
      rest = [...target.split(sep).filter(Boolean), ...rest]
      at = parse(target).root
      continue
    }
    at = next
    isFolder = stats?.isDirectory() === true
  }
  return { links, end: at, isFolder }
}

/** A text that differs when any of the files does: in its real place, its bytes, or in whether it can be read at all. */
export function fingerprint(paths: readonly string[]): string {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(`${path}\0${describeFile(path)}\0`)
  return hash.digest('base64')
}

/** Wall clock of the latest change to any of the files, their contents or their links; 0 when none is there. */
export function newestChangeMs(paths: readonly string[]): number {
  return Math.max(0, ...paths.flatMap((path) => [lstatOf(path)?.ctimeMs ?? 0, targetOf(path)?.ctimeMs ?? 0]))
}

/** undefined where nothing can be seen: no such entry, no permission, a file where a folder should be. */
function lstatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch {
    return undefined
  }
}

/** As `lstatOf`, behind all links. */
function targetOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

function describeFile(path: string): string {
  try {
    const real = realpathSync(path)
    if (statSync(real).isDirectory()) return `${real}\0${readdirSync(real).sort().join('\0')}`
    return `${real}\0${createHash('sha256').update(readFileSync(real)).digest('base64')}`
  } catch (error) {
    return `error ${errorCode(error) ?? 'unknown'}`
  }
}
