/** A client that says exactly what a test wants said, and reads answers strictly. */
import type { NetConnectOpts } from 'node:net'
import { onTestEnd } from './cleanup.ts'
import { type ReceivedResponse, type ResponseHeadText, readResponse, readResponseHead } from './http-message.ts'
import { connectSocket, Wire } from './wire.ts'

export class ScriptedClient extends Wire {
  /** The next whole response; `method` is that of the request it answers. */
  response(method = 'GET'): Promise<ReceivedResponse> {
    return readResponse(this, method)
  }

  /** The next response head alone; its body stays to be read. */
  responseHead(): Promise<ResponseHeadText> {
    return readResponseHead(this)
  }

  /** Send one request without body and read its answer. `fields` are whole lines without their end. */
  get(target: string, fields: readonly string[] = [], method = 'GET'): Promise<ReceivedResponse> {
    const lines = fields.some((line) => /^host:/i.test(line)) ? fields : ['Host: test.example', ...fields]
    this.send(`${method} ${target} HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`)
    return this.response(method)
  }
}

/** Connect to a port of 127.0.0.1, or wherever `target` says; closed when the test ends. */
export async function connectClient(target: number | NetConnectOpts): Promise<ScriptedClient> {
  const client = new ScriptedClient(
    await connectSocket(typeof target === 'number' ? { port: target, host: '127.0.0.1' } : target),
  )
  onTestEnd(() => {
    client.socket.destroy()
  })
  return client
}

/** Connect, send `bytes`, read one response, close. */
export async function exchange(port: number, bytes: string, method = 'GET'): Promise<ReceivedResponse> {
  const client = await connectClient(port)
  client.send(bytes)
  const response = await client.response(method)
  client.socket.destroy()
  return response
}
