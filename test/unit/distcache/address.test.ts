import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Address,
  addressText,
  isLocal,
  parseAddress,
  resolveAddress,
  socketOptions,
} from '../../../src/distcache/address.ts'

function address(text: string, use: 'listen' | 'connect' = 'listen'): Address {
  const read = parseAddress(text, use)
  assert.ok(read.ok, `${text}: ${read.ok ? '' : read.message}`)
  return read.address
}

test('the forms of the original, and IPv6', () => {
  const tcp = (host: string | undefined, port: number, family: 4 | 6 = 4) => ({ kind: 'tcp', host, port, family })
  const cases: [string, object][] = [
    ['IP:9001', tcp(undefined, 9001)],
    ['IP::9001', tcp(undefined, 9001)],
    ['IPv4:9001', tcp(undefined, 9001)],
    ['IP:10.0.0.9:9001', tcp('10.0.0.9', 9001)],
    ['IPv4:sessions.example:0', tcp('sessions.example', 0)],
    ['IP:h: +65535', tcp('h', 65_535)],
    ['IP:[::1]:9001', tcp('::1', 9001, 6)],
    ['IPv6:[2001:db8::1]:9001', tcp('2001:db8::1', 9001, 6)],
    ['IPv6:9001', tcp(undefined, 9001, 6)],
    ['IPv6:sessions.example:9001', tcp('sessions.example', 9001, 6)],
    ['UNIX:/run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
    ['UNIX:x', { kind: 'unix', path: 'x' }],
    ['UNIX:/a:b', { kind: 'unix', path: '/a:b' }],
  ]
  for (const [text, expected] of cases) assert.deepEqual(address(text), expected, text)
})

test('what is no address is said with what would do', () => {
  const cases: [string, RegExp][] = [
    ['9001', /"9001" is no address; it is like "IP:host:port"/],
    ['ip:9001', /no address/],
    ['unix:/x', /no address/],
    ['FD:3', /no address/],
    ['IP:9001x', /no port: a number from 0 to 65535/],
    ['IP:65536', /no port/],
    ['IP:', /no port/],
    ['IP:h:', /no port/],
    ['IP:h:-1', /no port/],
    ['IP:h:1:2', /no address/],
    ['IP:::1:9001', /an IPv6 address stands in brackets/],
    ['IP:[h]:9001', /"h" in "IP:\[h\]:9001" is no IPv6 address/],
    ['IPv4:[::1]:9001', /is no IPv4 address/],
    ['IPv6:10.0.0.1:9001', /is no IPv6 address/],
    ['UNIX:', /wants a path/],
    [`UNIX:/${'x'.repeat(107)}`, /at most 107 bytes/],
    ['x', /from 2 to 255 letters/],
    [`IP:${'x'.repeat(251)}:1`, /from 2 to 255 letters/],
  ]
  for (const [text, message] of cases) {
    const read = parseAddress(text, 'listen')
    assert.ok(!read.ok, text)
    assert.match(read.message, message)
  }
})

test('an address without a host is for listening only', () => {
  for (const text of ['IP:9001', 'IP::9001', 'IPv6:9001']) {
    assert.equal(parseAddress(text, 'listen').ok, true)
    assert.equal(parseAddress(text, 'connect').ok, false)
  }
})

test('every address can be written again', () => {
  for (const text of ['IP:9001', 'IPv6:9001', 'IP:10.0.0.9:9001', 'IP:[::1]:9001', 'IPv6:h:1', 'UNIX:/run/x.sock']) {
    assert.equal(addressText(address(text)), text)
  }
})

test('names are looked up once, in the family of the address; numbers are left alone', async () => {
  assert.deepEqual(await resolveAddress(address('IP:localhost:1')), address('IP:127.0.0.1:1'))
  assert.deepEqual(await resolveAddress(address('IP:[::1]:1')), address('IP:[::1]:1'))
  assert.deepEqual(await resolveAddress(address('UNIX:/x')), address('UNIX:/x'))
  await assert.rejects(resolveAddress(address('IP:no.such.host.invalid:1')))
})

test('what sockets are given, and which addresses only this machine reaches', () => {
  assert.deepEqual(socketOptions(address('IP:9001')), { host: '0.0.0.0', port: 9001, family: 4 })
  assert.deepEqual(socketOptions(address('IPv6:9001')), { host: '::', port: 9001, family: 6 })
  assert.deepEqual(socketOptions(address('UNIX:/x')), { path: '/x' })
  for (const text of ['IP:127.0.0.9:1', 'IP:localhost:1', 'IP:[::1]:1', 'UNIX:/x']) assert.ok(isLocal(address(text)))
  for (const text of ['IP:1', 'IPv6:1', 'IP:10.0.0.1:1', 'IP:h:1', 'IP:[::]:1']) assert.ok(!isLocal(address(text)))
})
