import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { askDaemon } from '../../../src/admin/client.ts'
import { CommandTable } from '../../../src/admin/commands.ts'
import { AdminFailure } from '../../../src/admin/protocol.ts'
import { AdminServer } from '../../../src/admin/server.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { tempDir } from '../../support/temp.ts'

const commands = new CommandTable([
  { name: 'echo', doc: '', run: (given) => given },
  { name: 'slow', doc: '', run: () => new Promise((resolve) => setTimeout(() => resolve('slow'), 20)) },
  { name: 'nothing', doc: '', run: () => undefined },
  {
    name: 'refuse',
    doc: '',
    run: () => {
      throw new AdminFailure('not-now', 'not now')
    },
  },
  { name: 'break', doc: '', run: () => Promise.reject(new Error('broken')) },
])

async function openServer(): Promise<string> {
  const path = join(tempDir(), 'folder', 'admin.sock')
  const server = await AdminServer.open(path, 0o620, commands)
  onTestEnd(() => server.close())
  return path
}

/** Sends raw text and gives the lines that came until the server closed or `count` were there. */
function converse(path: string, text: string, count: number): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(text))
    let answer = ''
    socket.on('data', (bytes) => {
      answer += bytes.toString()
      if (answer.split('\n').length > count) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => {
      const lines = answer.split('\n').filter(Boolean)
      resolve(lines.map((line) => JSON.parse(line)))
    })
  })
}

test('commands are answered, failures with their code', async () => {
  const path = await openServer()
  const ask = (command: string, given = {}) => askDaemon(path, command, given, 1000)
  assert.deepEqual(await ask('echo', { a: 1 }), { ok: true, result: { a: 1 } })
  assert.deepEqual(await ask('nothing'), { ok: true, result: null })
  assert.deepEqual(await ask('refuse'), { ok: false, error: { code: 'not-now', message: 'not now' } })
  assert.deepEqual(await ask('break'), { ok: false, error: { code: 'failed', message: 'broken' } })
  const unknown = await ask('purge')
  assert.ok(!unknown.ok)
  assert.equal(unknown.error.code, 'unknown-command')
  assert.match(unknown.error.message, /"echo", "slow"/)
})

test('the mode of the socket is as asked, and closing removes it', async () => {
  const path = join(tempDir(), 'admin.sock')
  const server = await AdminServer.open(path, 0o620, commands)
  assert.equal(statSync(path).mode & 0o777, 0o620)
  server.setMode(0o600)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  server.close()
  assert.equal(existsSync(path), false)
})

test('answers come in the order of the requests', async () => {
  const path = await openServer()
  const text = '{"v":1,"id":1,"command":"slow"}\n{"v":1,"id":2,"command":"echo"}\nnonsense\n'
  const answers = (await converse(path, text, 3)) as { id: number | null; ok: boolean }[]
  assert.deepEqual(
    answers.map(({ id, ok }) => [id, ok]),
    [
      [1, true],
      [2, true],
      [null, false],
    ],
  )
})

test('endless lines and endless queues are refused and the connection closed', async () => {
  const path = await openServer()
  const [tooLong] = (await converse(path, 'x'.repeat(70_000), 9)) as { error: { message: string } }[]
  assert.match(tooLong!.error.message, /at most 65536 bytes/)
  const flood = '{"v":1,"id":1,"command":"slow"}\n'.repeat(40)
  const answers = (await converse(path, flood, 99)) as { error?: { message: string } }[]
  assert.match(answers.at(-1)?.error?.message ?? '', /at most 16 requests/)
})

test('a file of another kind is not removed', async () => {
  const path = join(tempDir(), 'file')
  writeFileSync(path, 'precious')
  await assert.rejects(AdminServer.open(path, 0o600, commands), /there is a file of another kind/)
  assert.equal(readFileSync(path, 'utf8'), 'precious')
})

test('the client says what is wrong with the socket', async () => {
  const missing = join(tempDir(), 'none.sock')
  await assert.rejects(askDaemon(missing, 'status', {}, 1000), {
    name: 'UnreachableError',
    message: `no daemon to talk to: there is no admin socket "${missing}"; is the daemon running with this configuration?`,
  })
  const path = await openServer()
  await assert.rejects(askDaemon(path, 'slow', {}, 5), /did not answer within 0.005 s/)
})
