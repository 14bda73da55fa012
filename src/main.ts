#!/usr/bin/env node
/** The program `shellac`: arguments in, exit code out. */
import { readFileSync } from 'node:fs'
import { runCli } from './cli/cli.ts'

// `shellac help | head` closes the pipe early; that is no error of ours.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const exitCode = await runCli(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  readInput: () => readFileSync(0, 'utf8'),
  color: process.stderr.isTTY === true && process.env.NO_COLOR === undefined,
})
// Nothing that is still open may keep a finished command alive; on Linux, writes to files, pipes and terminals are done.
process.exit(exitCode)
