/**
 * `npm run test:cache-tests`: the public HTTP caching tests against the daemon, compared with results.json.
 *
 *     npm run test:cache-tests                     fails when a test that passed does so no more
 *     npm run test:cache-tests -- --update         writes the table anew
 *     npm run test:cache-tests -- --verbose        says why each test that fails does
 *     npm run test:cache-tests -- ID ...           some tests, without the table
 *
 * Exit code 1: something became worse; 2: the tests could not be run.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { guardChild, stopChild } from '../support/cleanup.ts'
import { MAIN } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { fetchPackage, PACKAGE } from './package.ts'
import { Suite, type SuiteTest } from './suite.ts'
import { kindOf, makeTable, passesOnlyIn, readTable, type Table, totalsText, writeTable } from './table.ts'

const options = process.argv.slice(2)
const isUpdate = options.includes('--update')
const isVerbose = options.includes('--verbose')
const ids = options.filter((option) => !option.startsWith('--'))

const fetched = fetchPackage()
if ('problem' in fetched) {
  console.error(fetched.problem)
  process.exit(2)
}
const suite = await Suite.load(fetched.folder)
const wanted = ids.length === 0 ? suite.tests : suite.tests.filter((test) => ids.includes(test.id))
const originPort = await suite.startOrigin()
const dir = mkdtempSync(join(tmpdir(), 'shellac-cache-tests-'))
const port = await freePort()
const daemon = await startDaemon()
try {
  const table = makeTable(PACKAGE, wanted, await passedTests())
  process.exitCode = ids.length > 0 ? showChosen(table) : compare(table)
} finally {
  daemon.removeAllListeners('exit')
  await stopChild(daemon)
  rmSync(dir, { recursive: true, force: true })
}
process.exit()

/** Waits until the daemon says that it serves. If it ends, now or later, so does this, with its last words. */
async function startDaemon(): Promise<ChildProcess> {
  const file = join(dir, 'shellac.conf')
  const text = readFileSync(new URL('./shellac.conf', import.meta.url), 'utf8')
  writeFileSync(file, text.replaceAll('%listen%', `127.0.0.1:${port}`).replaceAll('%dir%', dir))
  const child = spawn(process.execPath, [MAIN, '-c', file], {
    env: { ...process.env, SUITE_ORIGIN: `127.0.0.1:${originPort}` },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  guardChild(child)
  const lines = createInterface({ input: child.stderr })
  const said: string[] = []
  await new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      said.push(line)
      if (line.includes('"ready"')) resolve()
    })
    child.once('exit', () => {
      console.error(`the daemon ended:\n${said.slice(-20).join('\n')}`)
      process.exit(2)
    })
  })
  return child
}

/** A machine under load may stretch the pauses a test counts on, so what fails is tried once more, with fewer beside it. */
async function passedTests(): Promise<Set<string>> {
  const baseUrl = `http://127.0.0.1:${port}`
  const passed = new Set<string>()
  const tryAll = async (tests: readonly SuiteTest[]) => {
    const results = await suite.run(tests, baseUrl)
    for (const [id, result] of results) if (result === true) passed.add(id)
    return results
  }
  await tryAll(wanted)
  const failed = wanted.filter((test) => !passed.has(test.id))
  const second = await tryAll(failed)
  if (isVerbose || ids.length > 0) {
    for (const test of failed) console.log(`${kindOf(test)} ${test.id}: ${second.get(test.id)}`)
  }
  return passed
}

function showChosen(table: Table): number {
  console.log(JSON.stringify(table.tests, undefined, 2))
  return 0
}

function compare(table: Table): number {
  console.log(`${PACKAGE}: ${totalsText(table)}`)
  if (isUpdate) {
    writeTable(table)
    return 0
  }
  const before = readTable()
  const worse = passesOnlyIn(before, table)
  const better = passesOnlyIn(table, before)
  if (worse.length > 0) console.error(`passed and fail now: ${worse.join(' ')}`)
  if (better.length > 0) console.log(`pass now: ${better.join(' ')}; write the table anew with --update`)
  return worse.length > 0 ? 1 : 0
}
