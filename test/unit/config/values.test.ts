import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Argument } from '../../../src/config/ast.ts'
import * as address from '../../../src/config/values/address.ts'
import { readDuration } from '../../../src/config/values/duration.ts'
import * as header from '../../../src/config/values/header.ts'
import { readHostPattern } from '../../../src/config/values/host.ts'
import { readNetwork } from '../../../src/config/values/network.ts'
import * as number from '../../../src/config/values/number.ts'
import { readPathGlob, readPathPattern, readPlainPath } from '../../../src/config/values/path.ts'
import type { Read } from '../../../src/config/values/read.ts'
import { readRegex } from '../../../src/config/values/regex.ts'
import { readSize } from '../../../src/config/values/size.ts'
import * as words from '../../../src/config/values/words.ts'
import { durationText } from '../../../src/util/duration-text.ts'
import { argumentOf } from '../../support/config.ts'

type Reader<T> = (argument: Argument) => Read<T>

function accepts<T>(reader: Reader<T>, cases: Readonly<Record<string, T>>): void {
  for (const [written, value] of Object.entries(cases)) {
    const read = reader(argumentOf(written))
    assert.deepEqual(read, { ok: true, value }, written)
  }
}

/** Each case: what is written, the code, and what the help must hold. */
function refuses(reader: Reader<unknown>, cases: readonly (readonly [string, string, string?])[]): void {
  for (const [written, code, help = ''] of cases) {
    const read = reader(argumentOf(written))
    assert.equal(read.ok, false, `${written} was accepted`)
    if (read.ok) continue
    assert.equal(read.diagnostic.code, code, written)
    assert.ok((read.diagnostic.help ?? '').includes(help), `${written}: ${read.diagnostic.help}`)
    assert.deepEqual([read.diagnostic.span.start, read.diagnostic.span.end], [2, 2 + written.length])
  }
}

test('durations', () => {
  accepts(readDuration, { '50ms': 50, '10s': 10_000, '0s': 0, '5m': 300_000, '1h30m': 5_400_000, '1w': 604_800_000 })
  accepts(readDuration, { '1s500ms': 1500, '3650d': 315_360_000_000 })
  refuses(readDuration, [
    ['30', 'missing-unit', 'did you mean "30s"?'],
    ['10sec', 'bad-duration', 'did you mean "10s"?'],
    ['5min', 'bad-duration', 'did you mean "5m"?'],
    ['10S', 'bad-duration', 'did you mean "10s"?'],
    ['1.5h', 'bad-duration', 'did you mean "1h30m"?'],
    ['1y', 'bad-duration', 'did you mean "365d"?'],
    ['30m1h', 'bad-duration', '1h30m'],
    ['1h1h', 'bad-duration'],
    ['-1s', 'bad-duration'],
    ['""', 'bad-duration'],
    ['4000d', 'out-of-range'],
    ['999999999999999w', 'out-of-range'],
    ['forever', 'bad-duration'],
  ])
})

test('the shortest way to write a time reads back', () => {
  for (const ms of [0, 1, 1500, 60_000, 5_400_000, 315_360_000_000]) {
    assert.deepEqual(readDuration(argumentOf(durationText(ms))), { ok: true, value: ms })
  }
})

test('sizes', () => {
  accepts(readSize, { '0B': 0, '512B': 512, '32KiB': 32_768, '64MiB': 67_108_864, '2GiB': 2 ** 31, '1TiB': 2 ** 40 })
  refuses(readSize, [
    ['64', 'missing-unit', '"64MiB"'],
    ['64m', 'bad-size', 'did you mean "64MiB"?'],
    ['64M', 'bad-size', 'did you mean "64MiB"?'],
    ['64MB', 'bad-size', 'did you mean "64MiB"?'],
    ['8k', 'bad-size', 'did you mean "8KiB"?'],
    ['8kib', 'bad-size', 'did you mean "8KiB"?'],
    ['8b', 'bad-size', 'did you mean "8B"?'],
    ['8x', 'bad-size', '64MiB'],
    ['1.5GiB', 'bad-size'],
    ['99999999TiB', 'out-of-range'],
  ])
})

test('whole numbers keep to their range', () => {
  accepts((argument) => number.readInteger(argument, 1, 1000), { '1': 1, '1000': 1000 })
  refuses(
    (argument) => number.readInteger(argument, 1, 1000),
    [
      ['0', 'out-of-range', 'from 1 to 1000'],
      ['1001', 'out-of-range'],
      ['-1', 'bad-number'],
      ['1e3', 'bad-number'],
      ['0x10', 'bad-number'],
      ['two', 'bad-number'],
      ['99999999999999999999', 'bad-number'],
    ],
  )
})

test('shares, rates and file modes', () => {
  accepts(number.readPercent, { '0%': 0, '10%': 0.1, '100%': 1, '0.5%': 0.005 })
  refuses(number.readPercent, [
    ['10', 'missing-unit', 'did you mean "10%"?'],
    ['101%', 'out-of-range'],
    ['-1%', 'bad-percent'],
  ])
  accepts(number.readFileMode, { '0660': 0o660, '600': 0o600 })
  refuses(number.readFileMode, [
    ['0680', 'bad-mode'],
    ['66', 'bad-mode'],
    ['rw', 'bad-mode'],
  ])
})

test('status codes, classes and ranges', () => {
  accepts<number.StatusRange>(number.readStatusRange, { '404': [404, 404], '5xx': [500, 599], '200-299': [200, 299] })
  refuses(number.readStatusRange, [
    ['5XX', 'bad-status', 'did you mean "5xx"?'],
    ['50x', 'bad-status', 'did you mean "5xx"?'],
    ['600', 'bad-status'],
    ['299-200', 'bad-status'],
    ['all', 'bad-status'],
  ])
  accepts((argument) => number.readStatus(argument), { '200': 200, '599': 599 })
  refuses(
    (argument) => number.readStatus(argument),
    [
      ['199', 'bad-status'],
      ['5xx', 'bad-status'],
    ],
  )
})

test('switches and choices', () => {
  accepts(words.readSwitch, { on: true, off: false })
  refuses(words.readSwitch, [
    ['true', 'bad-choice', 'did you mean "on"?'],
    ['no', 'bad-choice', 'did you mean "off"?'],
    ['perhaps', 'bad-choice', '"on" or "off"'],
  ])
  const reader: Reader<string> = (argument) => words.readOneOf(argument, ['round-robin', 'least-requests'])
  accepts(reader, { 'round-robin': 'round-robin' })
  refuses(reader, [
    ['round_robin', 'bad-choice', 'did you mean "round-robin"?'],
    ['random', 'bad-choice', 'write one of "round-robin", "least-requests"'],
  ])
})

test('names', () => {
  accepts(words.readIdentifier, { a: 'a', 'app-1_b': 'app-1_b' })
  refuses(words.readIdentifier, [
    ['1a', 'bad-name'],
    ['a.b', 'bad-name'],
    ['@a', 'bad-name', 'write "a"'],
    ['a'.repeat(65), 'bad-name'],
  ])
  accepts(words.readMatcherName, { '@ops': 'ops' })
  refuses(words.readMatcherName, [
    ['ops', 'bad-name', 'did you mean "@ops"?'],
    ['@1', 'bad-name'],
  ])
  accepts(words.readNamePattern, { 'utm_*': 'utm_*', gclid: 'gclid', '*': '*', 'a[]': 'a[]' })
  refuses(words.readNamePattern, [
    ['*a', 'bad-name'],
    ['a=b', 'bad-name'],
  ])
  accepts(words.readText, { '"a b"': 'a b', '~': '~' })
  refuses(words.readText, [['~"a"', 'unexpected-regex']])
  accepts(words.readFilePath, { '/a/b': '/a/b' })
  refuses(words.readFilePath, [['a/b', 'bad-path']])
})

test('networks are canonical and have no bits behind the prefix', () => {
  accepts(readNetwork, {
    '10.0.0.0/8': { address: '10.0.0.0', prefix: 8, family: 'ipv4' },
    '192.0.2.1': { address: '192.0.2.1', prefix: 32, family: 'ipv4' },
    '0.0.0.0/0': { address: '0.0.0.0', prefix: 0, family: 'ipv4' },
    '2001:DB8:0::/32': { address: '2001:db8::', prefix: 32, family: 'ipv6' },
    '::1': { address: '::1', prefix: 128, family: 'ipv6' },
    '::ffff:10.0.0.1': { address: '::ffff:a00:1', prefix: 128, family: 'ipv6' },
    '::/0': { address: '::', prefix: 0, family: 'ipv6' },
    '1:0:0:2:0:0:0:3': { address: '1:0:0:2::3', prefix: 128, family: 'ipv6' },
  })
  refuses(readNetwork, [
    ['10.0.0.1/8', 'host-bits-set', 'did you mean "10.0.0.0/8" or "10.0.0.1"?'],
    ['2001:db8::1/32', 'host-bits-set', '"2001:db8::/32"'],
    ['10.0.0.0/33', 'bad-network', 'from 0 to 32'],
    ['::/129', 'bad-network', 'from 0 to 128'],
    ['10.0.0.0/', 'bad-network'],
    ['10.0.0.0/08', 'bad-network'],
    ['10.0.0.0/8/8', 'bad-network'],
    ['10/8', 'bad-network', 'did you mean "10.0.0.0/8"?'],
    ['10.0.0.256', 'bad-network'],
    ['010.0.0.1', 'bad-network'],
    ['fe80::1%eth0', 'bad-network'],
    ['all', 'bad-network', '0.0.0.0/0'],
    ['localhost', 'bad-network', '127.0.0.1'],
  ])
})

test('addresses', () => {
  accepts(address.readListenAddress, {
    '*:80': { kind: 'tcp', host: '*', port: 80 },
    '127.0.0.1:0': { kind: 'tcp', host: '127.0.0.1', port: 0 },
    '[::1]:80': { kind: 'tcp', host: '::1', port: 80 },
    'unix:/run/x.sock': { kind: 'unix', path: '/run/x.sock', mode: 0o660 },
  })
  refuses(address.readListenAddress, [
    ['80', 'bad-address', 'did you mean "*:80"?'],
    ['127.0.0.1', 'missing-port', 'did you mean "127.0.0.1:80"?'],
    ['127.0.0.1:70000', 'bad-port', '65535'],
    ['127.0.0.1:http', 'bad-port'],
    ['::1', 'bad-address', 'did you mean "[::1]:80"?'],
    ['[::1]', 'bad-address'],
    ['[x]:80', 'bad-address'],
    ['300.0.0.1:80', 'bad-address'],
    ['a_b..c:80', 'bad-address'],
    [':80', 'bad-address'],
    ['unix:run/x', 'bad-address'],
    [`unix:/${'x'.repeat(200)}`, 'bad-address'],
  ])
  accepts(address.readServerAddress, { 'app_1.internal:8080': { kind: 'tcp', host: 'app_1.internal', port: 8080 } })
  refuses(address.readServerAddress, [
    ['http://127.0.0.1:3000/', 'bad-address', 'write "127.0.0.1:3000"'],
    ['https://example.com', 'bad-address', 'write "example.com:443"'],
    ['*:80', 'bad-address'],
    ['a:0', 'bad-port', 'ports are 1 to 65535'],
    ['app', 'missing-port', 'did you mean "app:80"?'],
  ])
  accepts(address.readUnixAddress, { 'unix:/a': { kind: 'unix', path: '/a', mode: 0o660 } })
  refuses(address.readUnixAddress, [['/run/x.sock', 'bad-address', 'did you mean "unix:/run/x.sock"?']])
})

test('hosts', () => {
  accepts(readHostPattern, {
    'Example.COM': 'example.com',
    '*.example.com': '*.example.com',
    '*': '*',
    '[::1]': '[::1]',
  })
  refuses(readHostPattern, [
    ['example.com:80', 'bad-host', 'write "example.com"'],
    ['_', 'bad-host', 'did you mean "*"?'],
    ['.example.com', 'bad-host', 'did you mean "example.com *.example.com"?'],
    ['https://example.com/', 'bad-host', 'did you mean "example.com"?'],
    ['www.*', 'bad-host'],
    ['a..b', 'bad-host'],
    ['b\u00fccher.example', 'bad-host'],
  ])
})

test('paths', () => {
  accepts(readPathGlob, { '/': '/', '/api/**': '/api/**', '**.css': '**.css', '*/x': '*/x', '/a%20b': '/a%20b' })
  refuses(readPathGlob, [
    ['api', 'bad-path', 'did you mean "/api"'],
    ['/a?b', 'bad-path'],
    ['/a***', 'bad-path'],
    ['/a%2', 'bad-path', '%25'],
    ['/caf\u00e9', 'bad-path', 'did you mean "/caf%C3%A9"?'],
    ['"/a b"', 'bad-path', 'did you mean "/a%20b"?'],
    ['~', 'bad-path', '~"..."'],
    ['~*\\.php$', 'bad-path', 'did you mean ~"\\.php$"?'],
    ['http://a/b', 'bad-path'],
  ])
  accepts(readPathPattern, { '~"^/a$"': { kind: 'regex', source: '^/a$' }, '/a': { kind: 'glob', pattern: '/a' } })
  refuses(readPlainPath, [['/a/*', 'bad-path']])
})

test('regular expressions that are safe', () => {
  const safe = ['^/user/\\d+$', '\\.(css|js|woff2?)$', '^/([^/]+)/([^/]+)/(.*)$', '^/a.*b$', '(?:ab|cd)+', '[a-z]{2,5}']
  for (const source of [
    ...safe,
    '^(?<year>\\d{4})/',
    '^/(en|de)(/.*)?$',
    '^([a-z]+/)x$',
    '[\\w-]+',
    '^(\\d{3}){2}$',
    '^/img/(\\d+)x(\\d+)\\.(jpg|jpeg|png)$',
  ]) {
    assert.deepEqual(readRegex(argumentOf(`~"${source}"`)), { ok: true, value: source })
  }
})

test('regular expressions that are not', () => {
  refuses(readRegex, [
    ['/a', 'bad-regex', 'did you mean ~"/a"?'],
    ['~"("', 'bad-regex'],
    ['~"[b-a]"', 'bad-regex'],
    ['~"(a)\\1"', 'regex-unsupported'],
    ['~"(?<n>a)\\k<n>"', 'regex-unsupported'],
    ['~"(?=a)"', 'regex-unsupported'],
    ['~"(?<!a)b"', 'regex-unsupported'],
    ['~"\\bfoo"', 'regex-unsupported'],
    ['~"^(a+)+$"', 'regex-slow'],
    ['~"^(a?)*$"', 'regex-slow'],
    ['~"^(a|ab)*$"', 'regex-slow'],
    ['~"^(a|a)*$"', 'regex-slow'],
    ['~"^([a-z]|\\w)+$"', 'regex-slow'],
    ['~"^((a|b)|b)+$"', 'regex-slow'],
    ['~"^(|a)+$"', 'regex-slow'],
    ['~"^.*a.*b.*c.*d$"', 'regex-slow'],
    ['~"^(a{1,5}){1,5}$"', 'regex-slow'],
    ['~"^.{0,99}.{0,99}.{0,99}.{0,99}x$"', 'regex-slow'],
    [`~"^${'a?'.repeat(20)}b$"`, 'regex-slow'],
    [`~"^${'(a|aa)'.repeat(20)}$"`, 'regex-slow'],
    [`~"${'('.repeat(40)}${')'.repeat(40)}"`, 'regex-unsupported'],
    [`~"${'a'.repeat(1001)}"`, 'bad-regex'],
  ])
})

test('names of header fields, methods, media types', () => {
  accepts(header.readHeaderName, { 'X-Request-Id': 'X-Request-Id' })
  refuses(header.readHeaderName, [
    ['Server:', 'bad-header-name', 'did you mean "Server"?'],
    ['"a b"', 'bad-header-name'],
    ['""', 'bad-header-name'],
  ])
  accepts(header.readMethod, { GET: 'GET', 'M-SEARCH': 'M-SEARCH' })
  refuses(header.readMethod, [
    ['get', 'bad-method', 'did you mean "GET"?'],
    ['"A B"', 'bad-method'],
  ])
  accepts(header.readMediaType, { 'Text/HTML': 'text/html', 'image/*': 'image/*' })
  refuses(header.readMediaType, [
    ['html', 'bad-media-type'],
    ['*/*', 'bad-media-type'],
    ['a/b/c', 'bad-media-type'],
  ])
})

test('values of header fields are text and variables', () => {
  const text = (value: string) => ({ kind: 'text' as const, text: value, secret: false })
  accepts(header.readHeaderValue, {
    '"max-age=1; x"': [text('max-age=1; x')],
    '"<$client.ip>$request.id."': [
      text('<'),
      { kind: 'variable', name: 'client.ip' },
      text('>'),
      { kind: 'variable', name: 'request.id' },
      text('.'),
    ],
    '"5$$ a"': [text('5$ a')],
    '""': [],
  })
  refuses(header.readHeaderValue, [
    ['"a\\nb"', 'bad-header-value'],
    ['"\u20ac"', 'bad-header-value'],
    ['$remote_addr', 'unknown-variable', 'did you mean "$client.ip"?'],
    ['$request.idd', 'unknown-variable', 'did you mean "$request.id"'],
    ['"5 $"', 'bad-variable', '"$$"'],
    ['$1', 'bad-variable'],
  ])
})

test('what a substitution produced is text in a header value, and secret where it was', () => {
  const argument: Argument = {
    ...argumentOf('x'),
    text: 'Bearer $client.ip$request.id',
    secret: true,
    produced: [{ start: 7, end: 17, secret: true }],
  }
  assert.deepEqual(header.readHeaderValue(argument), {
    ok: true,
    value: [
      { kind: 'text', text: 'Bearer ', secret: false },
      { kind: 'text', text: '$client.ip', secret: true },
      { kind: 'variable', name: 'request.id' },
    ],
  })
})

test('targets of redirects and rewrites', () => {
  const location: Reader<string> = (argument) => header.readTarget(argument, true)
  accepts(location, {
    '/new/$1': '/new/$1',
    'https://$request.host/$request.uri': 'https://$request.host/$request.uri',
  })
  refuses(location, [
    ['/$client.ip', 'unknown-variable'],
    ['/$0', 'unknown-variable'],
    ['/$', 'unknown-variable'],
    ['"/a b"', 'bad-target'],
  ])
  refuses((argument) => header.readTarget(argument, false), [['/$request.uri', 'unknown-variable']])
})

test('a secret is in no message and no help', () => {
  const readers: readonly Reader<unknown>[] = [
    readDuration,
    readSize,
    number.readPercent,
    words.readSwitch,
    words.readIdentifier,
    words.readMatcherName,
    (argument) => words.readOneOf(argument, ['other']),
    readNetwork,
    address.readListenAddress,
    address.readServerAddress,
    address.readUnixAddress,
    readHostPattern,
    readPathGlob,
    readRegex,
    header.readHeaderName,
    header.readMethod,
    header.readHeaderValue,
    (argument) => header.readTarget(argument, true),
  ]
  for (const text of [
    'hunter2 $hunter2',
    '/hunter2',
    '12hunter2',
    'http://hunter2',
    'hunter2:',
    '10.0.0.1/8',
    '@hunter2',
  ]) {
    const produced = [{ start: 0, end: text.length, secret: true }]
    for (const reader of readers) {
      const read = reader({ ...argumentOf('x'), text, secret: true, produced })
      if (!read.ok) assert.doesNotMatch(`${read.diagnostic.message} ${read.diagnostic.help}`, /hunter|10\.0/i)
    }
  }
})
