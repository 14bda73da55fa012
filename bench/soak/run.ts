/**
 * `node bench/soak/run.ts`: the endurance tests in their full size, one after the other, alone on the machine. `npm test`
 * runs the same files with less to do; what "full" means stands in each of them (`sized(short, full)`).
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const FILES = [
  '41-reload-under-load', // 1,000 reloads under full load
  '51-large-bodies', // 2 GiB in every direction and framing
  '53-many-clients', // 9,000 keep-alive clients
  '88-memcached-failures', // 10 million memcached requests, every reply looked at
  '54-leaks', // 40,000 visits of clients and origins that misbehave
]
/** No test may take longer, milliseconds. */
const TEST_TIMEOUT_MS = 600_000

const paths = FILES.map((name) => fileURLToPath(new URL(`../../test/e2e/${name}.test.ts`, import.meta.url)))
const run = spawnSync(
  process.execPath,
  ['--test', '--test-concurrency=1', '--test-force-exit', `--test-timeout=${TEST_TIMEOUT_MS}`, ...paths],
  { stdio: 'inherit', env: { ...process.env, SHELLAC_SOAK: '1' } },
)
process.exit(run.status ?? 1)
