/**
 * `npm test`: makes sure that the real programs which tests speak to are there, then runs every test.
 *
 *     npm test                                       everything
 *     npm test -- 'test/unit/http/*.test.ts'         some files; further options of `node --test` are passed on
 *
 * Ends with the runner's own summary and exit code.
 */
import { spawnSync } from 'node:child_process'
import { installMissing } from './support/install.ts'

/** Tests of every kind; two files at a time, because what they start (workers, load) wants a core of its own. */
const EVERYTHING = ['test/{unit,golden,wire,property,e2e}/**/*.test.ts']
const CONCURRENCY = 2
/** No single test may take longer, milliseconds. */
const TEST_TIMEOUT_MS = 180_000

/** Programs, and libraries by their packages. */
const NEEDED = [
  'nginx',
  'memcached',
  'curl',
  'wrk',
  'openssl',
  'prlimit',
  'iptables',
  'saslpasswd2',
  'memccat',
  'nutcracker',
  'stunnel4',
  'h2load',
  'nghttp',
  'nghttpd',
  'python3-pymemcache',
  'python3-memcache',
  'python3-pylibmc',
  'libcache-memcached-perl',
  'libcache-memcached-fast-perl',
]

const problem = installMissing(NEEDED)
if (problem !== undefined) {
  console.error(problem)
  process.exit(1)
}
const given = process.argv.slice(2)
// Forced, because one socket that a failed test left open would keep its file, and with it the whole run, from ending.
const options = [
  '--test',
  '--test-force-exit',
  `--test-concurrency=${CONCURRENCY}`,
  `--test-timeout=${TEST_TIMEOUT_MS}`,
]
const files = given.some((argument) => !argument.startsWith('-')) ? [] : EVERYTHING
const run = spawnSync(process.execPath, [...options, ...given, ...files], { stdio: 'inherit' })
process.exit(run.status ?? 1)
