/** gRPC passes through: HTTP/2 on both sides, messages in both directions as they come, the outcome in trailers. */
import assert from 'node:assert/strict'
import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { answerOf, connectH2, fieldOf, type H2Client } from '../support/h2-client.ts'
import { type H2Origin, startH2Origin, valuesOf } from '../support/h2-origin.ts'
import { waitFor } from '../support/wait.ts'

interface Site {
  readonly origin: H2Origin
  readonly client: H2Client
  /** Codes of the streams that were reset at the origin. */
  readonly resets: readonly number[]
}

/** A message as gRPC frames it: a flag, a length, bytes. */
function message(text: string): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(text.length, 1)
  return Buffer.concat([head, Buffer.from(text)])
}

/** The texts of whole messages in `bytes`. */
function textsOf(bytes: Buffer): string[] {
  const texts: string[] = []
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    if (end > bytes.length) break
    texts.push(bytes.toString('utf8', at + 5, end))
    at = end
  }
  return texts
}

/** Collects what comes on a stream. */
function collect(stream: ServerHttp2Stream | ClientHttp2Stream): () => string[] {
  let received: Buffer = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
  })
  return () => textsOf(received)
}

/** The calls of a small service, by path. */
const calls: Readonly<Record<string, (stream: ServerHttp2Stream) => void>> = {
  '/svc/Unary': (stream) => {
    const texts = collect(stream)
    stream.on('end', () => finish(stream, texts()))
  },
  '/svc/ServerStream': (stream) => {
    stream.resume()
    stream.on('end', () => finish(stream, ['one', 'two', 'three']))
  },
  '/svc/ClientStream': (stream) => {
    const texts = collect(stream)
    stream.on('end', () => finish(stream, [texts().join('+')]))
  },
  '/svc/Bidi': (stream) => {
    begin(stream)
    const texts = collect(stream)
    let answered = 0
    stream.on('data', () => {
      for (const text of texts().slice(answered)) {
        answered++
        stream.write(message(`echo ${text}`))
      }
    })
    stream.on('end', () => stream.end())
  },
  '/svc/Fails': (stream) => {
    stream.resume()
    // Only trailers: the one head is all there is.
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true })
  },
}

function begin(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'done' }))
}

function finish(stream: ServerHttp2Stream, texts: readonly string[]): void {
  begin(stream)
  for (const text of texts) stream.write(message(text))
  stream.end()
}

async function setUp(): Promise<Site> {
  const resets: number[] = []
  const origin = await startH2Origin(undefined, (stream, headers) => {
    stream.on('close', () => {
      if (stream.rstCode !== 0) resets.push(stream.rstCode)
    })
    calls[headers[':path'] ?? '']?.(stream)
  })
  const shellac = await startShellac({
    config: `shellac 1;
      process { workers 1; }
      listener web { address %listen%; protocols h2c; limits { body-timeout 500ms; } }
      backend app { server a 127.0.0.1:${origin.port}; protocol h2c; }
      site * { proxy app; }`,
  })
  return { origin, resets, client: await connectH2(shellac.url('')) }
}

function call(client: H2Client, name: string): ClientHttp2Stream {
  return client.open({ ':method': 'POST', ':path': `/svc/${name}`, 'content-type': 'application/grpc', te: 'trailers' })
}

test('a unary call: one message there, one back, and the outcome behind it', async () => {
  const { origin, client } = await setUp()
  const stream = call(client, 'Unary')
  stream.end(message('hello'))
  const answer = await answerOf(stream)
  assert.equal(fieldOf(answer.raw, 'content-type'), 'application/grpc')
  assert.deepEqual(textsOf(answer.body), ['hello'])
  assert.deepEqual(answer.trailers, ['grpc-status', '0', 'grpc-message', 'done'])
  assert.deepEqual(valuesOf(origin.requests[0]!, 'te'), ['trailers'])
})

test('streams of messages from either side', async () => {
  const { client } = await setUp()
  const fromServer = call(client, 'ServerStream')
  fromServer.end(message('go'))
  const answer = await answerOf(fromServer)
  assert.deepEqual(textsOf(answer.body), ['one', 'two', 'three'])
  assert.equal(fieldOf(answer.trailers!, 'grpc-status'), '0')
  const fromClient = call(client, 'ClientStream')
  const summed = answerOf(fromClient)
  for (const text of ['a', 'b', 'c']) fromClient.write(message(text))
  fromClient.end()
  assert.deepEqual(textsOf((await summed).body), ['a+b+c'])
})

test('both sides at once: each message is answered before the next is sent, for longer than a body may be silent', async () => {
  const { client } = await setUp()
  const stream = call(client, 'Bidi')
  const answer = answerOf(stream)
  const texts = collect(stream)
  for (let i = 0; i < 5; i++) {
    stream.write(message(`${i}`))
    await waitFor(`the echo of ${i}`, () => texts().length === i + 1)
    if (i === 2) await new Promise((resolve) => setTimeout(resolve, 1500))
  }
  stream.end()
  const { trailers } = await answer
  assert.deepEqual(texts(), ['echo 0', 'echo 1', 'echo 2', 'echo 3', 'echo 4'])
  assert.equal(fieldOf(trailers!, 'grpc-status'), '0')
})

test('a call that fails at once has its outcome in the only head', async () => {
  const { client } = await setUp()
  const stream = call(client, 'Fails')
  stream.end(message('x'))
  const answer = await answerOf(stream)
  assert.equal(answer.status, 200)
  assert.equal(fieldOf(answer.raw, 'grpc-status'), '5')
  assert.equal(answer.body.length, 0)
})

test('a call that the client cancels is cancelled at the origin', async () => {
  const { resets, client } = await setUp()
  const stream = call(client, 'Bidi')
  const texts = collect(stream)
  stream.write(message('0'))
  await waitFor('the echo', () => texts().length === 1)
  stream.close(8)
  await waitFor('the reset', () => resets.length === 1)
  assert.deepEqual(resets, [8])
})
