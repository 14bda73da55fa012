/**
 * The real programs tests need: found, or installed from the distribution, or named.
 *
 * Installing must not start services: a daemon that the package manager starts would hold a port, so a policy-rc.d that
 * refuses stands there meanwhile, unless there is one.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The Debian and Ubuntu packages of each program that has another name, or that needs more than its own. */
const PACKAGES: ReadonlyMap<string, readonly string[]> = new Map([
  ['prlimit', ['util-linux']],
  // The mechanism PLAIN, for memcached too, is only recommended by what needs it.
  ['saslpasswd2', ['sasl2-bin', 'libsasl2-modules']],
  ['memccat', ['libmemcached-tools']],
  ['h2load', ['nghttp2-client']],
  ['nghttpd', ['nghttp2-server']],
  ['nghttp', ['nghttp2-client']],
])
/** Packages that hold no program but a library: loading it tells whether it is there. Python is that of the distribution. */
const LIBRARIES: ReadonlyMap<string, readonly [program: string, ...args: string[]]> = new Map([
  ['python3-pymemcache', ['/usr/bin/python3', '-c', 'import pymemcache']],
  ['python3-memcache', ['/usr/bin/python3', '-c', 'import memcache']],
  ['python3-pylibmc', ['/usr/bin/python3', '-c', 'import pylibmc']],
  ['libcache-memcached-perl', ['perl', '-MCache::Memcached', '-e', '1']],
  ['libcache-memcached-fast-perl', ['perl', '-MCache::Memcached::Fast', '-e', '1']],
])
const POLICY = '/usr/sbin/policy-rc.d'
/** Where a service's program may lie that an ordinary user's PATH leaves out. */
const ADMIN_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** undefined: all are there, if need be installed just now; else what is missing and how to get it. */
export function installMissing(programs: readonly string[], mayInstall = process.getuid?.() === 0): string | undefined {
  process.env.PATH = searchPath().join(delimiter)
  const missing = findMissing(programs)
  if (missing.length === 0) return undefined
  if (mayInstall && findMissing(['apt-get']).length === 0) install(packagesOf(missing))
  const left = findMissing(missing)
  if (left.length === 0) return undefined
  return `The tests speak to real programs, and these are not installed: ${left.join(', ')}.
Install them with the system's package manager, for instance: sudo apt-get install --no-install-recommends ${packagesOf(left).join(' ')}
(As root on Debian or Ubuntu, npm test does that by itself.)`
}

/** Those of `programs` that no folder of the PATH holds, and of the libraries among them those that cannot be loaded. */
export function findMissing(programs: readonly string[]): string[] {
  const folders = searchPath()
  return programs.filter((program) => {
    const load = LIBRARIES.get(program)
    if (load === undefined) return !folders.some((folder) => isExecutable(join(folder, program)))
    return spawnSync(load[0], load.slice(1), { stdio: 'ignore' }).status !== 0
  })
}

function packagesOf(programs: readonly string[]): string[] {
  return programs.flatMap((program) => PACKAGES.get(program) ?? program)
}

function searchPath(): string[] {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return [...folders, ...ADMIN_FOLDERS.filter((folder) => !folders.includes(folder))]
}

function install(packages: readonly string[]): void {
  const ownPolicy = !existsSync(POLICY)
  if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const arguments_ = ['install', '-y', '--no-install-recommends', ...packages]
    if (aptGet(arguments_)) return
    // A fresh machine has no package lists, or stale ones.
    aptGet(['update'])
    aptGet(arguments_)
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true })
  }
}

function aptGet(args: readonly string[]): boolean {
  console.error(`apt-get ${args.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const run = spawnSync('apt-get', ['-q', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  return run.status === 0
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
