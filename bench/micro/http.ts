/**
 * Nanoseconds per operation of the wire form, on one thread: `npx node bench/micro/http.ts`.
 *
 * Budgets: 500 ns for the head that wrk sends, 1500 ns for that of a browser. Each figure is the median of several rounds,
 * since the machine is shared.
 */
import { B } from '../../src/http/body-kind.ts'
import { BodyReader } from '../../src/http/body-reader.ts'
import { httpDate, parseHttpDate } from '../../src/http/date.ts'
import { F } from '../../src/http/fields.ts'
import { hopByHop } from '../../src/http/hop-by-hop.ts'
import { parseRequestHead, RequestHead } from '../../src/http/request-head.ts'
import { parseResponseHead, ResponseHead } from '../../src/http/response-head.ts'
import { appendForwardableFields } from '../../src/http/serialize.ts'

const ROUNDS = 9
const ROUND_MS = 40
const limits = { headBytes: 32768, targetBytes: 8192, fields: 100 }

const wrkHead = bytesOf('GET / HTTP/1.1', 'Host: 127.0.0.1:8080', '')
const browserHead = bytesOf(
  'GET /assets/app.3f9c1b.js?v=20 HTTP/1.1',
  'Host: www.example.com',
  'Connection: keep-alive',
  'sec-ch-ua: "Chromium";v="142", "Not_A Brand";v="99"',
  'sec-ch-ua-mobile: ?0',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'sec-ch-ua-platform: "Linux"',
  'Accept: */*',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-Mode: no-cors',
  'Referer: https://www.example.com/',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-GB,en;q=0.9',
  '',
)
const responseHead = bytesOf(
  'HTTP/1.1 200 OK',
  'Server: nginx/1.22.1',
  'Date: Fri, 20 Nov 2026 12:00:00 GMT',
  'Content-Type: text/html',
  'Content-Length: 1024',
  'Last-Modified: Fri, 20 Nov 2026 10:00:00 GMT',
  'Connection: keep-alive',
  'ETag: "69203f40-400"',
  'Cache-Control: max-age=60',
  'Accept-Ranges: bytes',
  '',
)
const chunkedBody = Buffer.from(`${`400\r\n${'x'.repeat(1024)}\r\n`.repeat(64)}0\r\n\r\n`, 'latin1')

const request = new RequestHead()
const response = new ResponseHead()
const body = new BodyReader()
const skip = hopByHop.slice()
skip[F.host] = 1

measure('parse request, wrk (42 bytes)', () => parseRequestHead(request, wrkHead, 0, wrkHead.length, limits))
measure(`parse request, browser (${browserHead.length} bytes, 12 fields)`, () =>
  parseRequestHead(request, browserHead, 0, browserHead.length, limits),
)
measure('detach request, browser', () => request.detach().count)
measure('forwardable fields, browser', () => appendForwardableFields(request, skip, undefined).length)
measure('three fields by id', () => {
  const found = request.value(F.acceptEncoding) ?? request.value(F.cookie)
  return (found?.length ?? 0) + (request.has(F.cacheControl) ? 1 : 0)
})
measure('parse response, nginx (9 fields)', () =>
  parseResponseHead(response, responseHead, 0, responseHead.length, limits, 'GET'),
)
measure('read 64 KiB in 64 chunks', () => {
  body.reset(B.chunked, -1)
  let bytes = 0
  while (body.next(chunkedBody, body.position, chunkedBody.length) === 'data') bytes += body.dataEnd - body.dataStart
  return bytes
})
measure('httpDate, same second', () => httpDate(1_795_000_000_000).length)
measure('parseHttpDate, IMF-fixdate', () => parseHttpDate('Fri, 20 Nov 2026 12:00:00 GMT') ?? 0)

function bytesOf(...lines: string[]): Buffer {
  return Buffer.from(`${lines.join('\r\n')}\r\n`, 'latin1')
}

/** Prints the median time of one call; the results are summed so that no call can be left out by the compiler. */
function measure(name: string, run: () => number): void {
  let sum = 0
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const begin = performance.now()
    let calls = 0
    while (performance.now() - begin < ROUND_MS) {
      for (let i = 0; i < 1000; i++) sum += run()
      calls += 1000
    }
    times.push(((performance.now() - begin) * 1e6) / calls)
  }
  times.sort((a, b) => a - b)
  console.log(`${name.padEnd(52)} ${times[ROUNDS >> 1]!.toFixed(0).padStart(8)} ns${sum === 0 ? ' (no result)' : ''}`)
}
