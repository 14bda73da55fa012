#!/usr/bin/env node
/** The program `shellac`, also called `dc_server` and the like: arguments in, exit code out. */
import { readFileSync } from 'node:fs'
import { argumentsOf } from './cli/program-name.ts'
import { runProgram } from './cli/run-program.ts'

// `shellac help | head` closes the pipe early; that is no error of ours.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const exitCode = await runProgram(argumentsOf(process.argv), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  readInput: () => readFileSync(0, 'utf8'),
  color: process.stderr.isTTY === true && process.env.NO_COLOR === undefined,
})
// Nothing that is still open may keep a finished command alive; on Linux, writes to files, pipes and terminals are done.
process.exit(exitCode)
