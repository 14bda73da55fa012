/**
 * The programs of distcache by their own names: a symbolic link `dc_server` to this program is `shellac dc-server`. Node leaves
 * the name by which a script was called in `process.argv[1]`, links and all.
 */
import { basename } from 'node:path'

const commandNames: ReadonlyMap<string, string> = new Map([
  ['dc_server', 'dc-server'],
  ['dc_client', 'dc-client'],
  ['dc_test', 'dc-test'],
  ['dc_snoop', 'dc-snoop'],
])

/** The arguments of `shellac`, of which argv (as `process.argv`) may leave out the command, since that is the name. */
export function argumentsOf(argv: readonly string[]): readonly string[] {
  const command = commandNames.get(basename(argv[1] ?? ''))
  const args = argv.slice(2)
  return command === undefined ? args : [command, ...args]
}
