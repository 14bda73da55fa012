/**
 * Loads what the arguments ask for, and runs it. The distcache programs start often (dc-test in scripts) or run on every machine
 * (the agent), and need no word of the configuration language: without it they are there in a third of the time and of the
 * modules.
 */
import type { Command } from './command.ts'
import type { Terminal } from './terminal.ts'

const loneCommands: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['dc-client', async () => (await import('./commands/dc-client.ts')).dcClient],
  ['dc-server', async () => (await import('./commands/dc-server.ts')).dcServer],
  ['dc-snoop', async () => (await import('./commands/dc-snoop.ts')).dcSnoop],
  ['dc-test', async () => (await import('./commands/dc-test.ts')).dcTest],
])

/** Resolves with the exit code; throws only for a defect of the program. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  const load = loneCommands.get(args[0] ?? '')
  const runAlone = load && (await load()).runAlone
  if (runAlone !== undefined) return await runAlone(args.slice(1), terminal)
  const { runCli } = await import('./cli.ts')
  return await runCli(args, terminal)
}
