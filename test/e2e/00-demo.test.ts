/** What `npm start` prints is what happens: a miss, a hit, an edit that takes effect, an error that changes nothing. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Background } from '../support/process.ts'
import { curl } from '../support/programs.ts'
import { waitFor } from '../support/wait.ts'

const RUN = fileURLToPath(new URL('../../examples/demo/run.ts', import.meta.url))

test('the demonstration does what it says, and ends on SIGTERM', async () => {
  const demo = new Background(process.execPath, [RUN])
  const text = await demo.waitFor('its text', () => {
    const all = demo.lines.join('\n')
    return all.includes('Ctrl-C ends it.') && all
  })
  const url = /curl -i (\S+) /.exec(text)?.[1] ?? ''
  const file = /sed -i \S+ \S+ (\S+)/.exec(text.replace('good evening', 'good-evening'))?.[1] ?? ''

  const miss = await curl('-i', url)
  const hit = await curl('-i', url)
  assert.match(miss.stdout, /^cache-status: .*fwd=uri-miss/im)
  assert.match(hit.stdout, /^cache-status: .*; ?hit/im)
  assert.equal(bodyOf(hit.stdout), bodyOf(miss.stdout))
  assert.match(hit.stdout, /^x-greeting: hello\r$/im)

  const config = readFileSync(file, 'utf8')
  writeFileSync(file, config.replace('hello', 'good evening'))
  const edited = await waitFor('the edit to be live', async () => {
    const answer = await curl('-i', url)
    return /^x-greeting: good evening\r$/im.test(answer.stdout) && answer
  })
  assert.match(edited.stdout, /^cache-status: .*; ?hit/im)

  writeFileSync(file, `${config}\nnonsense\n`)
  await demo.waitFor('the error', () => demo.lines.some((line) => line.includes('nonsense')))
  assert.match((await curl('-i', url)).stdout, /^x-greeting: good evening\r$/im)

  demo.kill('SIGTERM')
  assert.equal(await demo.waitForExit(), 0)
})

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n'))
}
