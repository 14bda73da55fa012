/**
 * Words of other servers that one word of ours does not answer: what to do instead, in a sentence. Words that have an
 * answer stand with the directive that is it, as its `peers`.
 */

const KEPT_IN_POOL =
  'declare the servers with "memcached NAME { server ADDRESS; }" and keep objects there: cache shop { tier memcached NAME; }'

export const foreignWords: ReadonlyMap<string, string> = new Map([
  ['http', 'leave it out: what stands inside belongs at the top level'],
  ['events', 'leave it out: "process { connections NUMBER; }" bounds connections'],
  ['if', 'name the condition with "match @NAME { ... }", then use it: when @NAME; bypass @NAME; allow @NAME;'],
  ['else', 'routes with and without "when @NAME;" are the two branches'],
  ['set', 'there are no variables to set; write the value where it is used, or "${env:NAME}"'],
  ['map', 'name each condition with "match @NAME { ... }" and use it with "when @NAME"'],
  ['return', 'write: respond STATUS "BODY"; or: redirect 308 LOCATION;'],
  ['server_name', 'the hosts stand behind "site" itself: site shop.example.com www.shop.example.com { ... }'],
  ['root', 'files are served by a backend: proxy files;'],
  ['index', 'files are served by a backend: proxy files;'],
  ['try_files', 'files are served by a backend: proxy files;'],
  ['gzip', 'compression is left to the servers'],
  ['frontend', 'addresses stand in "listener NAME { address *:80; }", hosts in "site HOST { ... }"'],
  ['mode', 'leave it out: this proxy speaks HTTP'],
  ['http3', 'HTTP/3 is not in this version; "protocols h2 h1;" in a listener are spoken'],
  ['quic', 'HTTP/3 is not in this version; "protocols h2 h1;" in a listener are spoken'],
  ['acme', 'let certbot or lego renew the files; what "certificate" names is read again when it changes'],
  ['acme_certificate', 'let certbot or lego renew the files; what "certificate" names is read again when it changes'],
  ['health', 'this version asks servers nothing by itself; "eject after 3 for 10s;" avoids those that fail'],
  ['slice', 'not in this version; "ranges forward;" keeps the ranges that clients ask for, "ranges whole;" the whole'],
  [
    'proxy_cache_revalidate',
    'nothing to switch on: what has a validator is always validated before it is fetched anew',
  ],
  ['proxy_cache_methods', 'GET and HEAD, always; a POST fills the cache where its answer says so (RFC 9110 §9.3.3)'],
  ['proxy_cache_convert_head', 'HEAD is answered from what GET stored; where nothing is stored it goes on as HEAD'],
  ['beresp.do_stream', 'nothing to switch on: whoever waits for a fetch is sent what has come of it so far'],
  ['quick_abort_min', 'a fetch that fills the cache goes on when its client leaves'],
  ['offline_mode', 'see "stale-if-error": what is stored answers while the servers fail'],
  ['regex_revalidate', 'see "shellac purge --glob" and "shellac help purging"'],
  ['varnishlog', 'see "shellac help explain" for one request, and "log access" for all of them'],
  ['varnishstat', 'see "shellac stats"'],
  ['squidclient', 'see "shellac status", "shellac stats" and "shellac purge"'],
  ['memcached_pass', KEPT_IN_POOL],
  ['memcached_key', KEPT_IN_POOL],
  ['memc_pass', KEPT_IN_POOL],
  ['libvmod_memcached', KEPT_IN_POOL],
  ['redis', 'Shellac speaks to memcached only'],
  ['ShadowRoute', 'there is no copy of reads; "replicate POOL;" sends every write to a second pool'],
  ['HashRoute', 'each pool shares its keys among its servers: memcached NAME { server ADDRESS; server ADDRESS; }'],
  ['sub', 'there is no program to write: routes and rules say what becomes of a request'],
])
