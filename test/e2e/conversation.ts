/** Raw conversations that many cases of one file have with one daemon: what is refused, and what reaches the origin. */
import assert from 'node:assert/strict'
import type { ReceivedRequest, ReceivedResponse } from '../support/http-message.ts'
import { connectClient, type ScriptedClient } from '../support/scripted-client.ts'
import type { ScriptedOrigin } from '../support/scripted-origin.ts'

/** One worker, so that one client's requests meet the same pool; no cache. `more` holds further statements of the site. */
export function passing(originPort: number, more = '', listener = '', backend = ''): string {
  return `shellac 1;
process { workers 1; }
listener web { address %listen%; ${listener} }
backend app { server a 127.0.0.1:${originPort}; ${backend} }
site * { on web; proxy app; ${more} }`
}

/** The request is answered with `status` and Connection: close, the connection ends, and the origin has heard nothing. */
export async function expectRefused(
  port: number,
  origin: ScriptedOrigin,
  bytes: string,
  status: number,
): Promise<ReceivedResponse> {
  const before = origin.requests.length
  const client = await connectClient(port)
  client.send(bytes)
  const answer = await client.response(bytes.startsWith('HEAD ') ? 'HEAD' : 'GET')
  assert.equal(answer.status, status, answer.body.toString())
  assert.equal(answer.fields.get('connection'), 'close')
  assert.equal(await client.expectClose(), 'end')
  client.socket.destroy()
  assert.equal(origin.requests.length, before, 'nothing is forwarded')
  return answer
}

/** What the origin received for `bytes`, which it must answer. */
export async function forwarded(port: number, origin: ScriptedOrigin, bytes: string): Promise<ReceivedRequest> {
  const before = origin.requests.length
  const client = await connectClient(port)
  client.send(bytes)
  const answer = await client.response(bytes.slice(0, bytes.indexOf(' ')))
  client.socket.destroy()
  assert.equal(origin.requests.length, before + 1, `one request is forwarded; the answer was ${answer.status}`)
  return origin.requests[before]!
}

/** The connection is still good: another request on it is answered with 200. */
export async function expectUsable(client: ScriptedClient): Promise<void> {
  const answer = await client.get('/usable')
  assert.equal(answer.status, 200)
}

/** The lines of a head in alphabetical order, start line first, for comparing whole heads. */
export function headLines(request: ReceivedRequest): string[] {
  const [start = '', ...fields] = request.raw.slice(0, -4).split('\r\n')
  return [start, ...fields.sort()]
}
