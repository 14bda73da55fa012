/**
 * The public HTTP caching tests (cache-tests.fyi) from the package registry.
 *
 * The package is no dependency of the project: what it declares to need is old, and the part that runs here needs none of
 * it. So its archive alone is fetched, compared with the hash below and unpacked into the user's cache folder; nothing is
 * installed, no script of the package runs.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const NAME = 'http-cache-tests'
const VERSION = '0.4.5'
/** Of the archive, as the registry states it. */
const INTEGRITY = 'sha512-DjuwN9nUZXLTW+wav1LRESCZNVxl8SshwOy4z1pxuWbWt5/ay6sM9QQ1lebBaDO6P1IMBoK6mdf+PuVP/QNL8A=='

export const PACKAGE = `${NAME} ${VERSION}`

/** The folder with the unpacked package, fetched unless an earlier run has left it; or what hindered that. */
export function fetchPackage(): { readonly folder: string } | { readonly problem: string } {
  // Not in the folder for temporary files: there somebody else could leave modules for us to run.
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'shellac')
  const folder = join(cache, `${NAME}-${VERSION}`)
  if (existsSync(folder)) return { folder }
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, `${NAME}-`))
  try {
    const pack = spawnSync('npm', ['pack', '--loglevel=error', `${NAME}@${VERSION}`], { cwd: work, encoding: 'utf8' })
    const archive = join(work, `${NAME}-${VERSION}.tgz`)
    if (pack.status !== 0 || !existsSync(archive)) return { problem: unreachable(pack.stderr ?? '') }
    const hash = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
    if (hash !== INTEGRITY) return { problem: `${PACKAGE} is not what it was: ${hash} instead of ${INTEGRITY}` }
    const unpacked = spawnSync('tar', ['-xzf', archive], { cwd: work, encoding: 'utf8' })
    if (unpacked.status !== 0) return { problem: `cannot unpack ${PACKAGE}: ${unpacked.stderr}` }
    renameSync(join(work, 'package'), folder)
    return { folder }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function unreachable(why: string): string {
  return `cannot fetch ${PACKAGE} with "npm pack": is the package registry within reach?\n${why}`
}
