/** A real memcached that wants user and password, with a user database of its own. */
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type MemcachedOptions, startMemcached, type TestMemcached } from './memcached.ts'
import { runProgram } from './process.ts'
import { tempDir } from './temp.ts'

export async function startSaslMemcached(
  user: string,
  password: string,
  options: MemcachedOptions = {},
): Promise<TestMemcached> {
  const dir = tempDir('sasl-')
  const database = join(dir, 'sasldb2')
  writeFileSync(
    join(dir, 'memcached.conf'),
    `mech_list: plain\npwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${database}\n`,
  )
  // memcached looks its users up in the realm of the machine's name.
  const args = ['-p', '-a', 'memcached', '-c', '-f', database, '-u', hostname(), user]
  const made = await runProgram('saslpasswd2', args, { input: password })
  if (made.code !== 0) throw new Error(`saslpasswd2 ended with ${made.code}: ${made.stderr}`)
  return startMemcached({
    ...options,
    args: ['-S', ...(options.args ?? [])],
    env: { ...options.env, SASL_CONF_PATH: dir },
  })
}
