/** What the simulation and the daemon are both asked: one configuration, and requests of every kind in front of it. */
import type { OriginScript, ResponseScript } from '../../src/plan/test-plan.ts'

export const HOST = 'shop.example.com'

export function configuration(listen: string, origin: number, dir: string): string {
  return `shellac 1;
process { workers 1; drain 1s; }
reload { watch off; }
admin { listen unix:${dir}/admin.sock; }
listener web { address ${listen}; limits { body-bytes 1KiB; target-bytes 512B; } }
backend app { server a 127.0.0.1:${origin}; eject after 1000 for 1s; retry { attempts 1; } first-byte-timeout 300ms; }
cache main {
    tier memory 16MiB; max-object 64KiB;
    key { query sort drop utm_*; }
    ttl 404 30s; ttl 410 0s; grace 1m; stale-if-error 1h; hit-for-miss 1ms;
    purge { allow @ops; }
}
rule long { ttl 1d override; override private no-store; remove request Cookie; remove response Set-Cookie; }
rule else { ttl origin else 2m; bypass @logged-in; client-directives ignore; }
rule classes { key { path normalise merge-slashes; class phone @phone; vary accept-encoding br gzip; } }
rule cookies { key { cookie keep currency; header X-Device; } store set-cookie; }
rule rich {
    key { path normalise merge-slashes; class mobile @mobile; vary accept-encoding gzip br; vary accept-language de en; }
    no-store @personal; ranges whole; ttl type image/* 1h; ttl type image/* length over 1KiB 2h;
}
match @mobile { header User-Agent *Mobile*; }
match @personal { response-header X-User present; }
match @logged-in { cookie session present; }
match @phone { header User-Agent *Phone*; }
match @ops { header X-Ops yes; }
match @local { source 127.0.0.0/8; }
match @beta { query beta present; }
match @broken { status 5xx; }
site ${HOST} {
    proxy app; use-cache main;
    headers { request set X-Route $route.name; response set X-Route $route.name; response remove Server; }
    route plain { path /plain/**; }
    route long { path /long/**; cache long; }
    route else { path /else/**; cache else; }
    route cookies { path /cookies/**; cache cookies; }
    route classes { path /classes/**; cache classes; }
    route rich { path /rich/**; cache rich; }
    route full { path /full/**; cache-status full; }
    route silent { path /silent/**; cache-status off; }
    route off { path /off/**; cache off; upgrade websocket; }
    route edits {
        path /edits/**;
        headers {
            request remove Accept-Language; request add X-Seen $request.uri when @beta;
            response default X-Kind page; response set X-Word $cache.status; response set X-Broken yes when @broken;
        }
    }
    route beta { path /plain/**; when @beta; add-prefix /beta; }
    route posts { path /plain/**; method POST; before beta; }
    route old { path /old/*; redirect 308 /new/$1?$request.path; }
    route status { path /_status; allow @ops; respond 200 "fine"; }
    route local { path /local/**; deny @local; }
    route moved { path /moved/*; rewrite /there/$1; }
    route strip { path /strip/**; strip-prefix /strip; forwarded { forwarded on; via off; } }
}
`
}

export interface Case {
  readonly title: string
  readonly target: string
  readonly method?: string
  readonly fields?: readonly string[]
  /** The answer that is in the cache; the request for it is the same but for `storedFields`. */
  readonly stored?: ResponseScript
  readonly storedFields?: readonly string[]
  readonly storedTarget?: string
  /** Default: an empty 200. */
  readonly origin?: OriginScript
  /** What Cache-Status begins with: the case is about what it says it is. */
  readonly status: RegExp
}

export const answer = (status: number, ...fields: string[]): OriginScript => ({ kind: 'response', status, fields })
export const kept = (status: number, ...fields: string[]): ResponseScript => ({ status, fields })
const reset: OriginScript = { kind: 'failure', failure: 'reset' }
const maxAge = (seconds: number): [string, string] => ['Cache-Control', `max-age=${seconds}`]

/** Bytes `first` to `last` of ten. */
const piece = (first: number, last: number) => ({
  kind: 'response' as const,
  status: 206,
  fields: [
    ...maxAge(60),
    'ETag',
    '"v"',
    'Content-Range',
    `bytes ${first}-${last}/10`,
    'Content-Length',
    `${last - first + 1}`,
  ],
})

const past = 'Mon, 01 Jun 2026 00:00:00 GMT'

export const cases: readonly Case[] = [
  {
    title: 'a response with a lifetime',
    target: '/plain/1',
    origin: answer(200, ...maxAge(60)),
    status: /fwd=uri-miss; fwd-status=200; stored/,
  },
  { title: 'a response that is kept for outages only', target: '/plain/2', status: /stored/ },
  {
    title: 'a private response',
    target: '/plain/3',
    origin: answer(200, 'Cache-Control', 'private, max-age=9'),
    status: /detail=response-private/,
  },
  {
    title: 'a response that is not to be stored',
    target: '/plain/4',
    origin: answer(200, 'Cache-Control', 'no-store'),
    status: /detail=response-no-store/,
  },
  {
    title: 'no-cache without a validator',
    target: '/plain/5',
    origin: answer(200, 'Cache-Control', 'no-cache'),
    status: /detail=response-no-cache/,
  },
  {
    title: 'no-cache with a validator',
    target: '/plain/6',
    origin: answer(200, 'Cache-Control', 'no-cache', 'ETag', '"a"'),
    status: /stored/,
  },
  {
    title: 'a response that sets a cookie',
    target: '/plain/7',
    origin: answer(200, ...maxAge(60), 'Set-Cookie', 'a=b'),
    status: /detail=set-cookie/,
  },
  { title: 'Vary: *', target: '/plain/8', origin: answer(200, ...maxAge(60), 'Vary', '*'), status: /detail=vary-star/ },
  {
    title: 'a response that is too large',
    target: '/plain/9',
    method: 'HEAD',
    origin: answer(200, ...maxAge(60), 'Content-Length', '70000'),
    status: /fwd=uri-miss/,
  },
  { title: 'a status that has a ttl', target: '/plain/10', origin: answer(404), status: /stored/ },
  { title: 'a ttl of nothing', target: '/plain/11', origin: answer(410), status: /detail=ttl-zero/ },
  { title: 'a status without freshness', target: '/plain/12', origin: answer(403), status: /detail=status/ },
  { title: 'an error of the origin', target: '/plain/13', origin: answer(503), status: /detail=status/ },
  { title: 'heuristic freshness', target: '/plain/14', origin: answer(200, 'Last-Modified', past), status: /stored/ },
  {
    title: 'Expires',
    target: '/plain/15',
    origin: answer(200, 'Expires', 'Fri, 01 Jan 2100 00:00:00 GMT'),
    status: /stored/,
  },
  {
    title: 'a targeted field',
    target: '/plain/16',
    origin: answer(200, 'CDN-Cache-Control', 'max-age=60', 'Cache-Control', 'no-store'),
    status: /stored/,
  },
  {
    title: 'credentials',
    target: '/plain/17',
    fields: ['Authorization', 'Basic eA=='],
    origin: answer(200, ...maxAge(60)),
    status: /detail=authorization/,
  },
  {
    title: 'credentials and a public response',
    target: '/plain/18',
    fields: ['Authorization', 'Basic eA=='],
    origin: answer(200, 'Cache-Control', 'public, max-age=60'),
    status: /stored/,
  },
  { title: 'an origin that closes', target: '/plain/19', origin: reset, status: /detail=origin-error/ },
  {
    title: 'an origin that is silent',
    target: '/plain/20',
    origin: { kind: 'failure', failure: 'timeout' },
    status: /detail=origin-error/,
  },
  {
    title: 'an origin that speaks no HTTP',
    target: '/plain/21',
    origin: answer(200, 'Content-Length', '1', 'Transfer-Encoding', 'chunked'),
    status: /detail=origin-error/,
  },
  {
    title: 'a request with a body',
    target: '/plain/22',
    fields: ['Content-Length', '0'],
    origin: answer(200, ...maxAge(60)),
    status: /stored/,
  },
  { title: 'an unsafe method', target: '/plain/23', method: 'DELETE', origin: answer(204), status: /fwd=method/ },
  {
    title: 'a route by method',
    target: '/plain/24',
    method: 'POST',
    fields: ['Content-Length', '0'],
    status: /fwd=method/,
  },
  { title: 'a route by matcher', target: '/plain/25?beta=1', origin: answer(200, ...maxAge(60)), status: /stored/ },
  {
    title: 'a request that wants nothing stored',
    target: '/plain/26',
    fields: ['Cache-Control', 'no-store'],
    origin: answer(200, ...maxAge(60)),
    status: /detail=request-no-store/,
  },
  {
    title: 'a request for what is stored only',
    target: '/plain/27',
    fields: ['Cache-Control', 'only-if-cached'],
    status: /detail=only-if-cached/,
  },
  {
    title: 'a precondition',
    target: '/plain/28',
    fields: ['If-Match', '"a"'],
    origin: answer(412),
    status: /fwd=request/,
  },
  {
    title: 'HEAD of nothing stored',
    target: '/plain/29',
    method: 'HEAD',
    origin: answer(200, ...maxAge(60)),
    status: /fwd=uri-miss/,
  },
  {
    title: 'a hit',
    target: '/plain/30',
    stored: kept(200, ...maxAge(1000), 'Age', '300', 'ETag', '"a"'),
    status: /; hit;/,
  },
  { title: 'a hit to HEAD', target: '/plain/31', method: 'HEAD', stored: kept(200, ...maxAge(1000)), status: /; hit;/ },
  {
    title: 'a hit by the same key',
    target: '/plain/32?b=1&a=2&utm_source=x',
    storedTarget: '/plain/32?a=2&b=1',
    stored: kept(200, ...maxAge(1000)),
    status: /; hit;/,
  },
  {
    title: 'a condition that a hit meets',
    target: '/plain/33',
    fields: ['If-None-Match', 'W/"a"'],
    stored: kept(200, ...maxAge(1000), 'ETag', '"a"', 'Content-Type', 'text/html'),
    status: /; hit;/,
  },
  {
    title: 'a date that a hit meets',
    target: '/plain/34',
    fields: ['If-Modified-Since', past],
    stored: kept(200, ...maxAge(1000), 'Last-Modified', past),
    status: /; hit;/,
  },
  {
    title: 'a condition that a hit does not meet',
    target: '/plain/35',
    fields: ['If-None-Match', '"b"'],
    stored: kept(200, ...maxAge(1000), 'ETag', '"a"'),
    status: /; hit;/,
  },
  {
    title: 'a request that wants it validated',
    target: '/plain/36',
    fields: ['Cache-Control', 'no-cache'],
    stored: kept(200, ...maxAge(1000), 'ETag', '"a"'),
    origin: answer(304, 'ETag', '"a"', ...maxAge(7)),
    status: /fwd=request; fwd-status=304; stored/,
  },
  {
    title: 'a request for something younger',
    target: '/plain/37',
    fields: ['Cache-Control', 'max-age=100'],
    stored: kept(200, ...maxAge(1000), 'Age', '300'),
    origin: answer(200, ...maxAge(9)),
    status: /fwd=request; fwd-status=200; stored/,
  },
  {
    title: 'a stale answer within grace',
    target: '/plain/38',
    stored: kept(200, ...maxAge(300), 'Age', '330'),
    origin: answer(200, ...maxAge(9)),
    status: /; hit; ttl=-3\d; detail=expired/,
  },
  {
    title: 'a stale answer to HEAD within grace',
    target: '/plain/39',
    method: 'HEAD',
    stored: kept(200, ...maxAge(300), 'Age', '330'),
    status: /; hit; ttl=-3\d; detail=expired/,
  },
  {
    title: 'what is stale beyond grace',
    target: '/plain/40',
    stored: kept(200, ...maxAge(300), 'Age', '600'),
    origin: answer(200, ...maxAge(9)),
    status: /fwd=stale; fwd-status=200; stored/,
  },
  {
    title: 'what is stale and confirmed',
    target: '/plain/41',
    stored: kept(200, ...maxAge(300), 'Age', '600', 'ETag', '"a"', 'Last-Modified', past, 'X-Old', '1'),
    origin: answer(304, 'ETag', '"a"', ...maxAge(50), 'X-New', '1'),
    status: /fwd=stale; fwd-status=304; stored/,
  },
  {
    title: 'a confirmation that forbids to store',
    target: '/plain/42',
    stored: kept(200, ...maxAge(300), 'Age', '600', 'ETag', '"a"'),
    origin: answer(304, 'ETag', '"a"', 'Cache-Control', 'no-store'),
    status: /fwd=stale; fwd-status=304;/,
  },
  {
    title: 'a confirmation of something else',
    target: '/plain/43',
    stored: kept(200, ...maxAge(300), 'Age', '600', 'Last-Modified', past),
    origin: answer(304, 'ETag', '"b"'),
    status: /fwd-status=304/,
  },
  {
    title: 'a condition met by what was confirmed',
    target: '/plain/44',
    fields: ['If-None-Match', '"a"'],
    stored: kept(200, ...maxAge(300), 'Age', '600', 'ETag', '"a"'),
    origin: answer(304, 'ETag', '"a"', ...maxAge(50)),
    status: /fwd=stale; fwd-status=304; stored/,
  },
  {
    title: 'stale while the origin closes',
    target: '/plain/45',
    stored: kept(200, ...maxAge(300), 'Age', '600'),
    origin: reset,
    status: /; hit; ttl=-30\d; detail=stale-if-error/,
  },
  {
    title: 'stale while the origin has an error',
    target: '/plain/46',
    stored: kept(200, ...maxAge(300), 'Age', '600'),
    origin: answer(500),
    status: /detail=stale-if-error/,
  },
  {
    title: 'must-revalidate while the origin closes',
    target: '/plain/47',
    stored: kept(200, 'Cache-Control', 'max-age=300, must-revalidate', 'Age', '600', 'ETag', '"a"'),
    origin: reset,
    status: /detail=origin-error/,
  },
  {
    title: 'a new answer that may not be kept',
    target: '/plain/48',
    stored: kept(200, ...maxAge(300), 'Age', '600'),
    origin: answer(200, 'Cache-Control', 'private'),
    status: /fwd=stale; fwd-status=200; detail=response-private/,
  },
  {
    title: 'stale as the client allows',
    target: '/plain/49',
    fields: ['Cache-Control', 'max-stale=900'],
    stored: kept(200, ...maxAge(300), 'Age', '600'),
    status: /; hit; ttl=-30\d; detail=expired/,
  },
  {
    title: 'a variant',
    target: '/plain/50',
    fields: ['Accept-Language', 'de'],
    stored: kept(200, ...maxAge(300), 'Vary', 'Accept-Language'),
    status: /; hit;/,
  },
  {
    title: 'another variant',
    target: '/plain/51',
    fields: ['Accept-Language', 'de'],
    storedFields: ['Accept-Language', 'fr'],
    stored: kept(200, ...maxAge(300), 'Vary', 'Accept-Language'),
    origin: answer(200, ...maxAge(300), 'Vary', 'Accept-Language'),
    status: /fwd=vary-miss; fwd-status=200; stored/,
  },
  {
    title: 'another variant that is in the language the client prefers',
    target: '/plain/51a',
    fields: ['Accept-Language', 'de, en;q=0.5'],
    storedFields: ['Accept-Language', 'de-AT, de;q=0.9'],
    stored: kept(200, ...maxAge(300), 'Vary', 'Accept-Language', 'Content-Language', 'de'),
    status: /; hit;/,
  },
  {
    title: 'another variant that is in a language the client likes less',
    target: '/plain/51b',
    fields: ['Accept-Language', 'de;q=0.5, en'],
    storedFields: ['Accept-Language', 'de-AT, de;q=0.9'],
    stored: kept(200, ...maxAge(300), 'Vary', 'Accept-Language', 'Content-Language', 'de'),
    origin: answer(200, ...maxAge(300), 'Vary', 'Accept-Language'),
    status: /fwd=vary-miss; fwd-status=200; stored/,
  },
  {
    title: 'a path in another spelling',
    target: '/classes//%7ex',
    storedTarget: '/classes/~x',
    fields: ['User-Agent', 'a Phone', 'Accept-Encoding', 'gzip, br'],
    storedFields: ['User-Agent', 'b Phone', 'Accept-Encoding', 'br, zstd;q=0.1'],
    stored: kept(200, ...maxAge(300), 'Vary', 'Accept-Encoding'),
    status: /; hit;/,
  },
  {
    title: 'a client of another class',
    target: '/classes//%7ey',
    storedTarget: '/classes/~y',
    fields: ['Accept-Encoding', 'gzip, br;q=0.9'],
    storedFields: ['User-Agent', 'b Phone'],
    stored: kept(200, ...maxAge(300)),
    origin: answer(200, ...maxAge(300)),
    status: /fwd=uri-miss; fwd-status=200; stored/,
  },
  {
    title: 'a redirect of the origin',
    target: '/plain/52',
    origin: answer(301, 'Location', '/there'),
    status: /fwd=uri-miss/,
  },
  {
    title: 'a field that is private',
    target: '/plain/53',
    origin: answer(200, 'Cache-Control', 'max-age=60, private="X-Own"', 'X-Own', '1'),
    status: /stored/,
  },
  {
    title: 'fields that end at this hop',
    target: '/plain/54',
    fields: [
      'Connection',
      'X-Hop',
      'X-Hop',
      '1',
      'TE',
      'trailers',
      'X_Forwarded_For',
      '6.6.6.6',
      'X-Forwarded-For',
      '6.6.6.6',
    ],
    origin: answer(200, ...maxAge(60), 'Connection', 'X-Back', 'X-Back', '1', 'Via', '1.0 deep', 'Server', 'x'),
    status: /stored/,
  },
  {
    title: 'a range of a hit',
    target: '/plain/70',
    fields: ['Range', 'bytes=2-4'],
    stored: kept(200, ...maxAge(1000), 'Content-Length', '10', 'Content-Type', 'text/plain'),
    status: /; hit;/,
  },
  {
    title: 'a range beyond a hit',
    target: '/plain/71',
    fields: ['Range', 'bytes=20-'],
    stored: kept(200, ...maxAge(1000), 'Content-Length', '10'),
    status: /; hit;/,
  },
  {
    title: 'a range of another edition than the hit',
    target: '/plain/72',
    fields: ['Range', 'bytes=2-4', 'If-Range', '"b"'],
    storedFields: [],
    stored: kept(200, ...maxAge(1000), 'Content-Length', '10', 'ETag', '"a"'),
    status: /; hit;/,
  },
  {
    title: 'a range of nothing stored',
    target: '/plain/73',
    fields: ['Range', 'bytes=2-4'],
    origin: answer(206, ...maxAge(60), 'Content-Length', '3', 'Content-Range', 'bytes 2-4/10', 'ETag', '"a"'),
    status: /fwd=uri-miss; fwd-status=206; stored/,
  },
  {
    title: 'a range that the origin ignores',
    target: '/plain/74',
    fields: ['Range', 'bytes=2-4'],
    origin: answer(200, ...maxAge(60), 'Content-Length', '10'),
    status: /fwd=uri-miss; fwd-status=200; stored/,
  },
  {
    title: 'a range that the origin does not have',
    target: '/plain/75',
    fields: ['Range', 'bytes=20-'],
    origin: answer(416, 'Content-Range', 'bytes */10'),
    status: /fwd=uri-miss; fwd-status=416;/,
  },
  {
    title: 'a Cache-Status from behind',
    target: '/plain/55',
    origin: answer(200, 'Cache-Status', 'deep; hit', 'Cache-Control', 'no-store'),
    status: /deep; hit, Shellac/,
  },
  {
    title: 'a ttl that stands before the origin',
    target: '/long/1',
    fields: ['Cookie', 'session=1'],
    origin: answer(200, 'Cache-Control', 'private', 'Set-Cookie', 'a=b'),
    status: /stored/,
  },
  {
    title: 'a hit without what a rule removes',
    target: '/long/2',
    stored: kept(200, 'Cache-Control', 'no-store', 'Set-Cookie', 'a=b'),
    status: /; hit;/,
  },
  { title: 'a lifetime where the origin gives none', target: '/else/1', origin: answer(200), status: /stored/ },
  {
    title: 'a bypass',
    target: '/else/2',
    fields: ['Cookie', 'session=1'],
    origin: answer(200, ...maxAge(60)),
    status: /fwd=bypass; fwd-status=200; detail=bypass/,
  },
  {
    title: 'a client without a word',
    target: '/else/3',
    fields: ['Cache-Control', 'no-cache'],
    stored: kept(200, ...maxAge(60)),
    status: /; hit;/,
  },
  {
    title: 'the same cookie in the key',
    target: '/cookies/1',
    fields: ['Cookie', 'currency=EUR; other=1'],
    storedFields: ['Cookie', 'currency=EUR'],
    stored: kept(200, ...maxAge(60), 'Set-Cookie', 'a=b'),
    status: /; hit;/,
  },
  {
    title: 'another cookie in the key',
    target: '/cookies/2',
    fields: ['Cookie', 'currency=USD'],
    storedFields: ['Cookie', 'currency=EUR'],
    stored: kept(200, ...maxAge(60)),
    origin: answer(200, ...maxAge(60)),
    status: /fwd=uri-miss; fwd-status=200; stored/,
  },
  {
    title: 'no cache',
    target: '/off/1',
    origin: answer(200, ...maxAge(60)),
    status: /fwd=bypass; fwd-status=200; detail=no-cache-configured/,
  },
  {
    title: 'edits of a miss',
    target: '/edits/1?beta=1',
    fields: ['Accept-Language', 'de'],
    origin: answer(200, ...maxAge(60)),
    status: /stored/,
  },
  { title: 'edits of a hit', target: '/edits/2', stored: kept(200, ...maxAge(60), 'X-Kind', 'own'), status: /; hit;/ },
  { title: 'edits of an error', target: '/edits/3', origin: answer(500), status: /fwd-status=500/ },
  { title: 'a redirect of a route', target: '/old/a%20b', status: /detail=no-cache-configured/ },
  { title: 'a closed answer', target: '/_status', status: /^Shellac; detail=refused$/ },
  { title: 'an open answer', target: '/_status', fields: ['X-Ops', 'yes'], status: /detail=no-cache-configured/ },
  { title: 'a denied client', target: '/local/1', status: /^Shellac; detail=refused$/ },
  { title: 'a rewritten path', target: '/moved/a?b=c', origin: answer(200), status: /fwd-status=200/ },
  { title: 'a stripped prefix', target: '/strip/a/b', origin: answer(200), status: /fwd-status=200/ },
  { title: 'no route', target: '/nowhere', status: /^Shellac; detail=refused$/ },
  {
    title: 'another host',
    target: '/plain/60',
    fields: ['Host', 'other.example'],
    status: /^Shellac; detail=refused$/,
  },
  { title: 'dot segments', target: '/plain/../x', status: /^Shellac; detail=refused$/ },
  { title: 'a target that is too long', target: `/plain/${'a'.repeat(600)}`, status: /^Shellac; detail=refused$/ },
  {
    title: 'a POST that answers later GETs',
    target: '/cookies/90?a=b',
    method: 'POST',
    origin: answer(200, ...maxAge(60), 'Content-Location', '/cookies/90?a=b'),
    status: /fwd=method; fwd-status=200; stored/,
  },
  {
    title: 'a POST that does not',
    target: '/cookies/91',
    method: 'POST',
    origin: answer(200, ...maxAge(60), 'Content-Location', '/cookies/92'),
    status: /fwd=method; fwd-status=200; detail=method/,
  },
  {
    title: 'a POST on a route that GET does not take',
    target: '/plain/90',
    method: 'POST',
    origin: answer(200, ...maxAge(60), 'Content-Location', '/plain/90'),
    status: /fwd=method; fwd-status=200; detail=method/,
  },
  { title: 'TRACE', target: '/plain/61', method: 'TRACE', status: /^Shellac; detail=refused$/ },
  { title: 'OPTIONS of the server', target: '*', method: 'OPTIONS', status: /detail=method/ },
  {
    title: 'an expectation nobody meets',
    target: '/plain/62',
    fields: ['Expect', 'tea'],
    status: /^Shellac; detail=refused$/,
  },
  { title: 'PURGE from a stranger', target: '/plain/63', method: 'PURGE', status: /detail=refused/ },
  {
    title: 'PURGE from one who may',
    target: '/plain/64',
    method: 'PURGE',
    fields: ['X-Ops', 'yes'],
    status: /detail=purged/,
  },
  {
    title: 'a part that is not to be stored',
    target: '/plain/75',
    fields: ['Range', 'bytes=2-4'],
    origin: answer(206, ...maxAge(60), 'Content-Range', 'bytes 2-5/10', 'Content-Length', '3'),
    status: /fwd-status=206; detail=partial/,
  },
  {
    title: 'a range within a stored part',
    target: '/plain/76',
    fields: ['Range', 'bytes=1-2'],
    stored: piece(0, 4),
    storedFields: ['Range', 'bytes=0-4'],
    status: /; hit;/,
  },
  {
    title: 'a range that is joined with a stored part',
    target: '/plain/77',
    fields: ['Range', 'bytes=5-6'],
    stored: piece(0, 4),
    storedFields: ['Range', 'bytes=0-4'],
    origin: piece(5, 6),
    status: /fwd=partial; fwd-status=206; stored/,
  },
  {
    title: 'the whole, of which the beginning is stored',
    target: '/plain/78',
    stored: piece(0, 4),
    storedFields: ['Range', 'bytes=0-4'],
    origin: piece(5, 9),
    status: /fwd=partial; fwd-status=206; stored/,
  },
  {
    title: 'a path that is normalised',
    target: '/rich//%61%2fb',
    origin: answer(200, ...maxAge(60)),
    status: /fwd=uri-miss; fwd-status=200; stored/,
  },
  {
    title: 'a hit by a normalised path',
    target: '/rich//%61/1',
    storedTarget: '/rich/a/1',
    stored: kept(200, ...maxAge(60)),
    status: /; hit;/,
  },
  {
    title: 'another class of clients',
    target: '/rich/2',
    fields: ['User-Agent', 'Some Mobile Browser'],
    storedFields: ['User-Agent', 'Some Browser'],
    stored: kept(200, ...maxAge(60)),
    origin: answer(200, ...maxAge(60)),
    status: /fwd=uri-miss; fwd-status=200; stored/,
  },
  {
    title: 'preferences that are normalised for the origin',
    target: '/rich/3',
    fields: ['Accept-Encoding', 'deflate, gzip;q=0.5', 'Accept-Language', 'fr, en-GB;q=0.8'],
    origin: answer(200, ...maxAge(60), 'Vary', 'Accept-Encoding, Accept-Language'),
    status: /fwd=uri-miss; fwd-status=200; stored/,
  },
  {
    title: 'preferences that mean the same',
    target: '/rich/4',
    fields: ['Accept-Encoding', 'gzip, deflate', 'Accept-Language', 'en-GB'],
    storedFields: ['Accept-Encoding', 'gzip', 'Accept-Language', 'en'],
    stored: kept(200, ...maxAge(60), 'Vary', 'Accept-Encoding, Accept-Language'),
    status: /; hit;/,
  },
  {
    title: 'the language that is stored',
    target: '/plain/80',
    fields: ['Accept-Language', 'de, en;q=0.5'],
    storedFields: ['Accept-Language', 'de'],
    stored: kept(200, ...maxAge(60), 'Vary', 'Accept-Language', 'Content-Language', 'de'),
    status: /; hit;/,
  },
  {
    title: 'a response that a matcher keeps out',
    target: '/rich/5',
    origin: answer(200, ...maxAge(60), 'X-User', '7'),
    status: /detail=no-store-configured/,
  },
  {
    title: 'a range where the whole is fetched',
    target: '/rich/6',
    fields: ['Range', 'bytes=2-4'],
    origin: answer(200, ...maxAge(60), 'Content-Length', '10'),
    status: /fwd=uri-miss; fwd-status=200; stored/,
  },
  {
    title: 'a lifetime by type and length',
    target: '/rich/7',
    stored: kept(200, 'Content-Type', 'image/png', 'Content-Length', '2000'),
    status: /; hit; ttl=7\d{3}/,
  },
  {
    title: 'Cache-Status in full',
    target: '/full/1',
    stored: kept(200, ...maxAge(60)),
    status: /; hit; ttl=\d+; key=/,
  },
  {
    title: 'Cache-Status in full of a miss',
    target: '/full/2',
    origin: answer(200, ...maxAge(60)),
    status: /fwd=uri-miss; fwd-status=200; stored; .*key=/,
  },
  {
    title: 'no Cache-Status',
    target: '/silent/1',
    origin: answer(200, ...maxAge(60)),
    status: /^$/,
  },
  {
    title: 'a POST with content for GETs',
    target: '/else/70',
    method: 'POST',
    fields: ['Content-Length', '0'],
    origin: answer(200, ...maxAge(60), 'Content-Location', '/else/70'),
    status: /fwd=method/,
  },
]
