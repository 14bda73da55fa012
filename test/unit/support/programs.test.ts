/** Real programs start, answer, and are gone when their test has ended. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, test } from 'node:test'
import { startFileOrigin } from '../../support/file-origin.ts'
import { freePort } from '../../support/ports.ts'
import { rssBytes } from '../../support/proc.ts'
import { curl, startMemcached, startNginx, wrk } from '../../support/programs.ts'
import { connectClient } from '../../support/scripted-client.ts'

const seen: { pid: number; dir: string }[] = []
after(() => {
  for (const { pid, dir } of seen) {
    assert.ok(!existsSync(`/proc/${pid}`), `process ${pid} is still there`)
    assert.ok(!existsSync(dir), `${dir} is still there`)
  }
})

test('nginx in front of a file origin, asked with curl', async () => {
  const origin = await startFileOrigin({ '/a': { body: 'page a', headers: { 'Cache-Control': 'max-age=60' } } })
  const nginx = await startNginx(
    `server { listen 127.0.0.1:%port%; location / { proxy_pass http://127.0.0.1:${origin.port}; } }`,
  )
  seen.push({ pid: nginx.process.pid, dir: nginx.dir })
  const answer = await curl('-i', `http://127.0.0.1:${nginx.port}/a`)
  assert.equal(answer.code, 0)
  assert.match(answer.stdout, /^HTTP\/1\.1 200 OK[\s\S]*page a$/)
  assert.equal(origin.requests.length, 1)
  assert.ok(rssBytes(nginx.process.pid) > 0)
})

test('wrk loads nginx and its report is read', async () => {
  const nginx = await startNginx('server { listen 127.0.0.1:%port%; location / { return 200 ok; } }')
  seen.push({ pid: nginx.process.pid, dir: nginx.dir })
  const result = await wrk(`http://127.0.0.1:${nginx.port}/`, { connections: 2, seconds: 1 })
  assert.ok(result.requests > 0)
  assert.equal(result.non2xx, 0)
  assert.deepEqual(result.socketErrors, { connect: 0, read: 0, write: 0, timeout: 0 })
})

test('memcached answers', async () => {
  const memcached = await startMemcached()
  seen.push({ pid: memcached.process.pid, dir: memcached.dir })
  const client = await connectClient(memcached.port)
  client.send('mn\r\n')
  await client.expect('MN\r\n')
})

test('free ports differ', async () => {
  const ports = await Promise.all(Array.from({ length: 10 }, () => freePort()))
  assert.equal(new Set(ports).size, 10)
})
