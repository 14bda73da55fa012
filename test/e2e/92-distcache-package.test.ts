/** The package as npm installs it: the library `shellac/distcache` with its types, and the programs by their names. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startDistcacheServer } from '../support/distcache.ts'
import { runProgram } from '../support/process.ts'
import { tempDir } from '../support/temp.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const modules = join(root, 'node_modules')
/** A folder that has installed the package. */
let consumer = ''

before(async () => {
  consumer = tempDir('consumer-')
  const dir = await buildPackage()
  const packed = await runProgram('npm', ['pack', '--silent', '--pack-destination', consumer], { cwd: dir })
  assert.equal(packed.code, 0, packed.stderr)
  writeFileSync(join(consumer, 'package.json'), '{ "type": "module", "private": true }')
  const archive = packed.stdout.trim()
  const installed = await runProgram('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${archive}`], {
    cwd: consumer,
  })
  assert.equal(installed.code, 0, installed.stderr)
  for (const name of readdirSync(modules)) {
    if (name !== 'shellac' && !name.startsWith('.'))
      symlinkSync(join(modules, name), join(consumer, 'node_modules', name))
  }
})

/** The package, built, without its dependencies: those are linked, since nothing is fetched here. */
async function buildPackage(): Promise<string> {
  const dir = join(tempDir('package-'), 'shellac')
  mkdirSync(dir)
  for (const project of ['tsconfig.build.json', 'tsconfig.types.json']) {
    const args = ['-p', join(root, project), '--outDir', join(dir, 'dist')]
    const built = await runProgram(join(modules, '.bin/tsc'), args, { cwd: root })
    assert.equal(built.code, 0, built.stdout)
  }
  const content = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies', 'scripts']) delete content[kind]
  writeFileSync(join(dir, 'package.json'), JSON.stringify(content))
  for (const name of ['man', 'README.md', 'shellac.conf'])
    cpSync(join(root, name), join(dir, name), { recursive: true })
  return dir
}

test('the library is imported, and shares sessions', async () => {
  const { server } = await startDistcacheServer()
  const script = `
    import { Agent, SessionClient } from 'shellac/distcache'
    const agent = await Agent.open({ listen: 'IP:127.0.0.1:0', connect: 'IP:127.0.0.1:${server.port}' })
    const client = new SessionClient({ connect: 'IP:127.0.0.1:' + agent.port, timeoutMs: 20000 })
    const id = Buffer.from('an id')
    console.log(await client.add(id, Buffer.from('a session'), 60000), String(await client.get(id)))
    client.close()
    agent.close()
  `
  writeFileSync(join(consumer, 'use.js'), script)
  const { stdout, stderr } = await runProgram(process.execPath, ['use.js'], { cwd: consumer })
  assert.deepEqual([stdout, stderr], ['ok a session\n', ''])
})

test('the types of the library are found, and checked', async () => {
  const lines = [
    `import { createServer } from 'node:https'`,
    `import { Agent, attachSessionCache, BlockingClient, SessionClient, SessionStore } from 'shellac/distcache'`,
    `const cache = attachSessionCache(createServer({}), { connect: 'UNIX:/run/shellac/dc.sock', waitMs: 5 })`,
    `export const stored: number = cache.counters.stored`,
    `export const all = [Agent, BlockingClient, SessionStore]`,
    `export const wrong: number = new SessionClient({ connect: 'UNIX:/a' }).isConnected`,
  ]
  writeFileSync(join(consumer, 'use.ts'), `${lines.join('\n')}\n`)
  const args = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext', '--types', 'node', 'use.ts']
  const { stdout } = await runProgram(join(modules, '.bin/tsc'), args, { cwd: consumer })
  assert.equal(stdout, `use.ts(6,14): error TS2322: Type 'boolean' is not assignable to type 'number'.\n`)
})

test('only the library is exported', async () => {
  const script = `import('shellac/dist/src/cli/cli.js').catch((error) => console.log(error.code))`
  const { stdout } = await runProgram(process.execPath, ['-e', script], { cwd: consumer })
  assert.equal(stdout, 'ERR_PACKAGE_PATH_NOT_EXPORTED\n')
})

test('the programs have their names', async () => {
  const bin = (name: string) => join(consumer, 'node_modules/.bin', name)
  const { server } = await startDistcacheServer()
  const args = [bin('dc_test'), '-connect', `IP:127.0.0.1:${server.port}`, '-ops', '10']
  const { stderr } = await runProgram(process.execPath, args)
  assert.equal(stderr, 'Info, 10 sessions generated, will run 10 random tests\nInfo, all tests complete\n')
  for (const name of ['dc_server', 'dc_client', 'dc_snoop']) {
    const help = await runProgram(process.execPath, [bin(name), '-help'])
    assert.match(help.stderr, new RegExp(`^usage: shellac ${name.replace('_', '-')} `))
  }
  const version = await runProgram(process.execPath, [bin('shellac'), 'version'])
  assert.match(version.stdout, /^shellac /)
})

test('the manual pages are in the package', () => {
  const pages = readdirSync(join(consumer, 'node_modules/shellac/man'))
  for (const page of ['shellac-dc-server.8', 'shellac-dc-client.8', 'shellac-dc-test.1', 'shellac-dc-snoop.1']) {
    assert.ok(pages.includes(page), page)
  }
})
