/** What of a ClientHello is read, however it is cut, and what is no hello. */
import assert from 'node:assert/strict'
import { constants } from 'node:crypto'
import { describe, test } from 'node:test'
import { MAX_CLIENT_HELLO_BYTES, readClientHello } from '../../../src/distcache/client-hello.ts'
import {
  extension,
  helloMessage,
  inRecords,
  nodeHello,
  pskExtension,
  serverNameExtension,
  uint,
} from '../../support/client-hello.ts'

const id = Buffer.alloc(32, 0x1d)
const ticket = Buffer.from('the ticket of the session')
const otherTicket = Buffer.from('another')
/** What hellos are said to be that have no other extensions. */
const oldClient = { offersTls13: false, keepsTickets: false }

const read = (bytes: Buffer) => readClientHello(bytes, 0, bytes.length)
const readMessage = (message: Buffer) => read(inRecords(message))

describe('a hello', () => {
  test('gives session id, first identity and server name', () => {
    const message = helloMessage({ sessionId: id, identities: [ticket, otherTicket], serverName: 'Shop.example' })
    const expected = { sessionId: id, firstIdentity: ticket, serverName: 'Shop.example', ...oldClient }
    assert.deepEqual(readMessage(message), expected)
  })

  test('may have none of them', () => {
    const nothing = { sessionId: Buffer.alloc(0), firstIdentity: undefined, serverName: undefined, ...oldClient }
    assert.deepEqual(readMessage(helloMessage({})), nothing)
    assert.deepEqual(readMessage(helloMessage({ withoutExtensions: true })), nothing)
  })

  test('is read where it stands in a larger buffer, with early data behind it', () => {
    const hello = inRecords(helloMessage({ sessionId: id, serverName: 'a.example' }))
    const early = Buffer.from([23, 3, 3, 0, 1, 0])
    const bytes = Buffer.concat([Buffer.from('xyz'), hello, early])
    const found = readClientHello(bytes, 3, bytes.length)
    assert.ok(typeof found === 'object')
    assert.deepEqual(found.sessionId, id)
  })

  test('cut anywhere is "more", and then the same', () => {
    const message = helloMessage({ sessionId: id, identities: [ticket], serverName: 'a.example' })
    for (const fragmentBytes of [10, 57, 16384]) {
      const bytes = inRecords(message, fragmentBytes)
      for (let end = 0; end < bytes.length; end++) assert.equal(readClientHello(bytes, 0, end), 'more', `${end} bytes`)
      const expected = { sessionId: id, firstIdentity: ticket, serverName: 'a.example', ...oldClient }
      assert.deepEqual(read(bytes), expected)
    }
  })

  test('of Node is understood', async () => {
    const hello = read(await nodeHello({ servername: 'node.example' }))
    assert.ok(typeof hello === 'object')
    assert.equal(hello.serverName, 'node.example')
    assert.equal(hello.firstIdentity, undefined)
    assert.deepEqual([hello.offersTls13, hello.keepsTickets], [true, true])
  })

  test('of an older client tells what it lacks', async () => {
    const secureOptions = constants.SSL_OP_NO_TICKET
    const hello = read(await nodeHello({ maxVersion: 'TLSv1.2', secureOptions }))
    assert.ok(typeof hello === 'object')
    assert.deepEqual([hello.offersTls13, hello.keepsTickets], [false, false])
  })

  test('offers TLS 1.3 if that is among its versions, in a list that is one', () => {
    const offers = (content: Buffer): boolean => {
      const hello = readMessage(helloMessage({ before: [extension(43, content)] }))
      assert.ok(typeof hello === 'object')
      return hello.offersTls13
    }
    assert.equal(offers(Buffer.from([4, 3, 4, 3, 3])), true)
    assert.equal(offers(Buffer.from([6, 10, 10, 3, 3, 3, 4])), true)
    assert.equal(offers(Buffer.from([2, 3, 3])), false)
    for (const broken of [[], [0], [1, 3], [3, 3, 4, 3], [2, 3, 4, 0], [4, 3, 4]]) {
      assert.equal(offers(Buffer.from(broken)), false, broken.join())
    }
  })

  test('of Node with a pre-shared key is understood', async () => {
    const pskCallback = () => ({ psk: Buffer.alloc(32, 1), identity: 'who I am' })
    const hello = read(await nodeHello({ minVersion: 'TLSv1.3', pskCallback }))
    assert.ok(typeof hello === 'object')
    assert.equal(hello.firstIdentity?.toString(), 'who I am')
    assert.equal(hello.sessionId.length, 32)
  })

  test('whose name is not visible ASCII has none', () => {
    for (const name of ['a b', 'a\0b', 'm\xfcnchen.example']) {
      const hello = readMessage(helloMessage({ serverName: name }))
      assert.ok(typeof hello === 'object')
      assert.equal(hello.serverName, undefined)
    }
  })

  test('is found within the bytes that a reader has to keep', () => {
    const room = 16 * 1024 - helloMessage({ before: [extension(21, Buffer.alloc(0))] }).length
    const largest = helloMessage({ before: [extension(21, Buffer.alloc(room))] })
    assert.equal(largest.length, 16 * 1024)
    const bytes = inRecords(largest, 512)
    assert.equal(bytes.length, MAX_CLIENT_HELLO_BYTES)
    assert.ok(typeof read(bytes) === 'object')
  })
})

describe('no hello', () => {
  const cases: readonly (readonly [name: string, bytes: Buffer])[] = [
    ['a request of HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['another record', Buffer.from([23])],
    ['version 2', Buffer.from([22, 2])],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
    ['a record over 16 KiB', Buffer.from([22, 3, 1, 0x40, 0x01])],
    ['another handshake message', Buffer.from([22, 3, 1, 0, 9, 2])],
    ['a message over 16 KiB', Buffer.from([22, 3, 1, 0, 9, 1, 0, 0x40, 0])],
    ['bytes behind the message in its record', inRecords(Buffer.concat([helloMessage({}), Buffer.alloc(1)]))],
    ['more records than a hello needs', inRecords(Buffer.alloc(33, 1), 1)],
    ['a second record of another kind', Buffer.from([22, 3, 1, 0, 1, 1, 23])],
    ['a session id of 33 bytes', inRecords(helloMessage({ sessionId: Buffer.alloc(33) }))],
    ['an identity that is empty', inRecords(helloMessage({ identities: [Buffer.alloc(0)] }))],
    ['no identity', inRecords(helloMessage({ identities: [] }))],
    ['fewer binders', inRecords(helloMessage({ identities: [id, ticket], binders: [Buffer.alloc(32)] }))],
    ['more binders', inRecords(helloMessage({ identities: [id], binders: [Buffer.alloc(32), Buffer.alloc(32)] }))],
    ['a short binder', inRecords(helloMessage({ identities: [id], binders: [Buffer.alloc(31)] }))],
    ['an extension behind pre_shared_key', inRecords(helloMessage({ identities: [id], behind: [extension(9, id)] }))],
    ['two pre_shared_key', inRecords(helloMessage({ identities: [id], behind: [pskExtension([id], [id])] }))],
    ['two server_name', inRecords(helloMessage({ serverName: 'a', behind: [serverNameExtension(id)] }))],
    ['an empty name', inRecords(helloMessage({ serverName: '' }))],
    ['a name of 256 letters', inRecords(helloMessage({ serverName: 'a'.repeat(256) }))],
    ['a list of no names', inRecords(helloMessage({ before: [extension(0, uint(2, 0))] }))],
    [
      'bytes behind the names',
      inRecords(helloMessage({ before: [extension(0, Buffer.from([0, 4, 0, 0, 1, 97, 9]))] })),
    ],
    [
      'bytes behind the binders',
      inRecords(helloMessage({ behind: [extension(41, Buffer.from('\0\x05\0\x01a\0\0'))] })),
    ],
    ['an extension over its end', inRecords(helloMessage({ before: [Buffer.from([0, 9, 0, 1])] }))],
  ]
  for (const [name, bytes] of cases) test(name, () => assert.equal(read(bytes), 'not-a-hello'))

  test('cut short inside, with a length that says so', () => {
    const message = helloMessage({ sessionId: id, serverName: 'a.example' })
    for (let length = 4; length < message.length; length++) {
      const short = Buffer.from(message.subarray(0, length))
      short.writeUIntBE(length - 4, 1, 3)
      const hello = readMessage(short)
      // The one cut that leaves a hello is the one before the extensions, which TLS 1.2 has as a choice.
      const beforeExtensions = helloMessage({ sessionId: id, withoutExtensions: true }).length
      assert.equal(hello === 'not-a-hello', length !== beforeExtensions, `${length} bytes`)
    }
  })
})
