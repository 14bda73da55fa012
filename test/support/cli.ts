/** The command line within this process. */
import { runCli } from '../../src/cli/cli.ts'

/** Runs `shellac` with these arguments, with nothing on its standard input. */
export async function runInProcess(
  ...args: readonly string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = ''
  let stderr = ''
  const code = await runCli(args, {
    out: (text) => {
      stdout += text
    },
    err: (text) => {
      stderr += text
    },
    readInput: () => '',
    color: false,
  })
  return { code, stdout, stderr }
}
