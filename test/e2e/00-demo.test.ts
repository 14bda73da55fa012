/** What `npm start` prints is what happens: its commands are taken from the text and given to a shell. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Background, runProgram } from '../support/process.ts'
import { waitFor } from '../support/wait.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

test('the commands of the demonstration do what it says, and Ctrl-C ends it cleanly', async () => {
  const demo = new Background(process.execPath, ['examples/demo/run.ts'], { cwd: ROOT })
  const text = await demo.waitFor('its text', () => {
    const all = demo.lines.join('\n')
    return all.includes('Ctrl-C ends both servers.') && all
  })
  const [first, second, purge, again, explain, status, edit, mistake] = text
    .split('\n')
    .flatMap((line) => /^ {5}(\S.*)$/.exec(line)?.[1] ?? [])

  const miss = await shell(first)
  const hit = await shell(second)
  assert.match(miss, /^cache-status: .*fwd=uri-miss/im)
  assert.match(miss, /^x-greeting: hello\r$/im)
  assert.match(hit, /^cache-status: .*; hit/im)
  assert.equal(bodyOf(hit), bodyOf(miss))

  assert.match(await shell(purge), /purged 1 URL/)
  const fetched = await shell(again)
  assert.notEqual(bodyOf(fetched), bodyOf(miss))
  const explained = await shell(explain)
  assert.match(explained, /^store {5}yes, fresh for 10m$/m)
  assert.match(explained, /^live {6}pages, tier memory: stored$/m)

  await shell(edit)
  await waitFor('the edit to be live', async () => {
    const answer = await shell(second)
    return /^x-greeting: good evening\r$/im.test(answer) && /^cache-status: .*; hit/im.test(answer)
  })

  await shell(mistake)
  await demo.waitFor('the explanation', () => demo.lines.some((line) => line.includes('did you mean')))
  assert.match(await shell(second), /^x-greeting: good evening\r$/im)
  assert.match(await shell(status), /REFUSED: 1 error in the configuration/)

  demo.kill('SIGINT') // from the terminal, and once more from npm
  demo.kill('SIGINT')
  assert.equal(await demo.waitForExit(), 0)
  assert.ok(!demo.lines.some((line) => line.includes('second signal')))
})

async function shell(command: string | undefined): Promise<string> {
  assert.ok(command !== undefined, 'the text holds eight commands')
  return (await runProgram('sh', ['-c', command], { cwd: ROOT })).stdout
}

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n'))
}
