/**
 * What several statements do together, for people who know what they want and not yet by which words: the chapters of
 * shellac.conf(5) before the statements one by one, and `shellac help caching`. A test checks every example.
 */

export interface Guide {
  /** The word that `shellac help` takes. */
  readonly name: string
  readonly paragraphs: readonly string[]
  /** Top-level statements, which make a configuration together with a listener, a backend `app`, and a site if they have none. */
  readonly example: string
  /** What to type in a shell; may be empty. */
  readonly commands: readonly string[]
}

export const guides: readonly Guide[] = [
  {
    name: 'caching',
    paragraphs: [
      'A site says in which cache answers are kept ("use-cache"), a route by which rule ("cache"). What a rule does not ' +
        'say, its cache does; of "ttl", "bypass", "no-store", "override", "tag" and the parts of the key both hold.',
      'Whether a response is stored, RFC 9111 decides: what is private, no-store, sets a cookie or answers a request with ' +
        'Authorization is not, until "override" or "store set-cookie" lifts that one refusal. How long it is fresh, the ' +
        'first of these says that says anything: a "ttl" with "override"; the fields that "obey" names; a "ttl" without; ' +
        'a tenth of the age that Last-Modified gives.',
      'After that it may still answer: under "grace" while it is fetched anew, under "stale-if-error" while the origin ' +
        'fails. Requests for one missing object wait for one fetch ("collapse"); what could not be stored is remembered ' +
        '("hit-for-miss"), so that nobody waits for it.',
      'Each answer says in Cache-Status what became of it and why. "shellac help reasons" lists the words with their ' +
        'cures, "shellac explain URL" says it beforehand, "cache-status full" adds the key and the route.',
    ],
    example: `cache pages {
    tier memory 256MiB;
    ttl origin else 2m; # where the origin says nothing
    ttl 404 410 30s;
    grace 10m;
    stale-if-error 1d;
    jitter 10%;
}
rule assets { ttl 1d override; content public; }
rule personal { bypass @logged-in; }
match @logged-in { cookie session present; }
site * {
    proxy app;
    use-cache pages;
    route assets { path /assets/**; cache assets; }
    route rest { path /**; cache personal; }
}`,
    commands: [
      'shellac explain http://shop.example.com/assets/a.css',
      "shellac explain --response 200 --response-header 'Set-Cookie: a=b' http://shop.example.com/",
      'shellac explain --live http://shop.example.com/',
    ],
  },
  {
    name: 'keys',
    paragraphs: [
      'Two requests share an object when their keys are equal. Scheme, host, path and query are in every key, unless ' +
        '"key" leaves a part out; "query" drops parameters that change nothing, "path normalise" joins spellings.',
      'Answers that differ for other reasons are told apart in one of three ways. The origin names request fields in Vary: ' +
        'each of their values then has a variant, and "vary" in the key reduces the values to what the origin offers. Or ' +
        'the key names them: "cookie keep", "header", or a "class" of requests, such as phones. Or such requests go past ' +
        'the cache: "bypass".',
      'A cookie outside the key tells nobody apart. "shellac check" warns where a statement could give everybody what was ' +
        'made for one client; "content public" says that it is meant so.',
    ],
    example: `cache pages {
    tier memory 256MiB;
    key {
        path normalise merge-slashes;
        query sort drop utm_* gclid fbclid;
        cookie keep currency;
        class mobile @mobile;
        vary accept-encoding br gzip;
        vary accept-language en de;
    }
}
match @mobile { header User-Agent *Mobile*; }
site * { proxy app; use-cache pages; }`,
    commands: ["shellac explain -H 'Cookie: currency=EUR' 'http://shop.example.com//a?utm_source=mail'"],
  },
  {
    name: 'purging',
    paragraphs: [
      'What is stored can be withdrawn by URL (all its variants), by prefix, by glob, by tag, or altogether, and the cost ' +
        'is the same however much that is. "shellac purge" does it on the machine itself; over HTTP the methods PURGE and ' +
        'PURGEKEY do, for those whom "purge { allow @NAME; }" lets in. Without that block nobody may.',
      'A soft purge, the default, makes stale: what is purged may still answer under "grace" and "stale-if-error". A hard ' +
        'one removes. When the command or the answer has come back, no thread serves the old response as fresh.',
      'Tags come from response fields ("tags") and from the configuration ("tag"). Tags that the origin sends are worth ' +
        'most where one change shows on many pages: each page names what it shows, and one purge finds them all.',
    ],
    example: `cache pages {
    tier memory 256MiB;
    grace 10m;
    tags { from Surrogate-Key; }
    purge { allow @ops; }
}
match @ops { source 10.0.0.0/8; }
site * { proxy app; use-cache pages; }`,
    commands: [
      'shellac purge --tag product-17',
      "shellac purge --glob 'http://shop.example.com/img/**.png'",
      'curl -X PURGE http://shop.example.com/news',
      "curl -X PURGE -H 'Purge-Mode: hard' -H 'Purge-Scope: prefix' http://shop.example.com/img/",
      "curl -X PURGEKEY -H 'Surrogate-Key: product-17 category-3' http://shop.example.com/",
    ],
  },
  {
    name: 'memcached-tier',
    paragraphs: [
      'A "memcached" block names servers that share keys among them: a pool. Which server owns a key follows from the names ' +
        'of the servers, their weights, "hash" and "distribution", so every machine that has the same block finds the same ' +
        'server, and so do twemproxy and libmemcached. "shellac pool ring KEY" tells it. When a server is added, the keys that ' +
        'it takes over move and no others; a reload keeps the connections of the rest and says what share of the keys moved.',
      'With "tier memcached NAME;" a cache keeps what it stores in the pool too. What is not in memory is looked for there ' +
        'before the origin is asked, and what is found fills the memory: the memory of many machines is one cache, and a ' +
        'machine that starts anew begins warm. Objects over "max-item" lie in several pieces. Without "tier memory" each hit ' +
        'comes from the pool. Machines share what caches of the same name keep. Values are stored in a form of our own, with a ' +
        'checksum; what is not one is a miss. Parts that ranges left are not shared. Keep the clocks of the machines together.',
      'A pool that is slow, down, full or flushed costs a request at most "timeout", and a server that fails "eject" times in ' +
        'a row is out until it answers again. Clients never see it: the origin is asked, as if nothing had been stored.',
      'With "collapse { scope cluster; }" one machine fetches a missing object and the others wait for it, at most for "wait"; ' +
        'if it dies, another one takes over. Purges reach every machine that shares the pool within two seconds, by URL, ' +
        'prefix, glob and tag, wherever they were given. A machine that cannot tell whether it missed one empties its memory ' +
        'of that cache rather than answer with what was purged. What a POST or another unsafe request makes invalid is removed ' +
        'here and from the pool, but stays in the memory of the other machines for its lifetime: purge it where that matters.',
      'A server that was out may hold what was changed or purged meanwhile elsewhere. Whoever takes it back leaves a note on ' +
        'it, and no machine uses what it holds from before. Whoever can write to the servers decides what clients get: keep ' +
        'them on a network of your own. For servers that want user and password there is "auth", over memjs and the binary ' +
        'protocol; such a pool serves caches only.',
    ],
    example: `memcached edge {
    server mc1 10.0.1.1:11211;
    server mc2 10.0.1.2:11211;
    server mc3 10.0.1.3:11211 weight 2;
    timeout 50ms;
    eject after 3 for 30s;
}
cache pages {
    tier memory 256MiB;
    tier memcached edge;
    ttl origin else 2m;
    grace 10m;
    collapse { scope cluster; wait 5s; }
}
site * { proxy app; use-cache pages; }`,
    commands: [
      'shellac pool',
      'shellac pool stats --pool edge',
      'shellac pool drain mc2',
      'shellac purge --tag product-17',
    ],
  },
  {
    name: 'memcached-proxy',
    paragraphs: [
      'A "memcached-proxy" is one memcached server to its clients. Each request goes to the server of the pool that owns its ' +
        'key, over few connections that all clients of a worker share; a get of many keys is split and put together again. ' +
        'Replies come in the order of the requests. It understands the classic text commands and the meta commands; clients ' +
        'of the binary protocol are disconnected. "version", "stats", "quit" and "mn" are answered by the proxy itself; ' +
        '"flush_all" is refused unless "flush-all" allows it; what manages servers never reaches them.',
      'Servers never see "noreply" or the quiet flag "q": they answer each request, and the proxy keeps to itself what the ' +
        'client does not want. So a lost reply is never taken for the next one. A request that is malformed is answered with ' +
        'an error in its place, and the connection goes on where the next request can be found. Control characters in keys are ' +
        'refused. A get that meets a connection which the server had closed is sent again, once; nothing else is.',
      'A server that does not answer within "timeout" costs those who asked it an error (SERVER_ERROR and a text, as twemproxy ' +
        'has it); after "eject" failures in a row its keys belong to the others, until it answers a question in the ' +
        'background. It comes back with the values it had: a client may then read what was changed meanwhile on another server. ' +
        'That cannot be helped here; give values an expiry time, or empty a server before it is taken back.',
      '"failover POOL" answers reads where the pool fails, or misses while the owner is out. "replicate POOL" gets every write ' +
        'too, at the same time, and answers where the pool fails; values that one of them missed stay different. "warm from ' +
        'POOL" is asked for what a read misses; what it has is copied with "add", so that a newer value stays, and what is ' +
        'written or deleted is deleted there. Where there are several, a read asks the pool, the replica, and then the failover ' +
        'pool; warming begins with a miss that none of them answered. "route prefix TEXT to POOL" gives keys that begin so a ' +
        'pool of their own, without those three.',
      'Who comes from nutcracker: "shellac import nutcracker FILE" writes the configuration, every key stays on its server, and ' +
        '"stats" serves the same JSON. "shellac stats" adds commands and latencies, "shellac pool" the servers.',
    ],
    example: `memcached edge {
    server mc1 10.0.1.1:11211;
    server mc2 10.0.1.2:11211;
    hash-tag "{}";
    timeout 250ms;
}
memcached spare { server 10.0.2.1:11211; }
memcached tests { server 10.0.3.1:11211; }
memcached-proxy local {
    listen 127.0.0.1:11211;
    listen unix:/run/shellac/memcached.sock mode 0660;
    stats 127.0.0.1:22222;
    pool edge;
    failover spare;
    route prefix test: to tests;
    allow 127.0.0.0/8;
}`,
    commands: [
      "shellac pool ring 'user:{17}:name' 'user:{17}:mail'",
      'shellac import nutcracker nutcracker.yml > shellac.conf',
      "printf 'set a 0 60 1\\r\\nx\\r\\nget a\\r\\n' | nc 127.0.0.1 11211",
    ],
  },
  {
    name: 'https',
    paragraphs: [
      'A listener with a "tls" block speaks HTTPS: HTTP/2 and HTTP/1.1, TLS 1.2 and 1.3, with what is safe today. Besides the ' +
        'certificates nothing need be said. A file holds the certificate and behind it those that lead to the root, another one ' +
        'the key. Of several the one with the name a client asks for is shown; the first is for all others.',
      'Files that certbot or lego renew are seen and shown at once, without a reload, and nobody is disconnected. What cannot be ' +
        'used changes nothing: the log names file and reason, and "shellac status" shows when each certificate ends and what keeps ' +
        'a newer one out. Keys must be readable for the user that the daemon becomes.',
      'A plain listener leads everybody over with "redirect https;", and "hsts" tells browsers not to come by http again. With ' +
        '"client-certificate" clients show who they are: conditions of the same name, and $tls.client.subject and its kin in ' +
        'edits, tell routes and origins.',
    ],
    example: `listener plain { address *:8080; redirect https; }
listener secure {
    address *:8443;
    tls {
        certificate /etc/shellac/shop.crt key /etc/shellac/shop.key;
        client-certificate optional { ca /etc/shellac/staff-ca.pem; }
    }
}
match @staff { client-certificate verified; }
site shop.example.com {
    on secure;
    proxy app;
    hsts 365d;
    headers { request set X-Client $tls.client.subject; }
    route staff { path /staff/**; allow @staff; }
    route rest { path /**; }
}
site * { proxy app; }`,
    commands: [
      'shellac status',
      'openssl s_client -connect 127.0.0.1:8443 -servername shop.example.com',
      'curl -v --resolve shop.example.com:8443:127.0.0.1 https://shop.example.com:8443/',
    ],
  },
  {
    name: 'testing',
    paragraphs: [
      'A test block claims what must come of one request: given what is stored, and what the origin answers or how it ' +
        'fails, it expects a route, a reason, a lifetime, a key, fields. The rules that decide are the ones the daemon ' +
        'runs; no connection is made, and the clock stands still.',
      '"shellac check" runs all tests and shows of each that fails what was expected, what came instead, and the line that ' +
        'decided. With "reload { require tests; }" the running daemon refuses a configuration that fails one.',
    ],
    example: `cache pages { tier memory 256MiB; stale-if-error 1d; }
rule personal { bypass @logged-in; }
match @logged-in { cookie session present; }
site * { proxy app; use-cache pages; cache personal; }
reload { require tests; }
test "who is logged in goes past the cache" {
    request GET http://shop.example.com/ { header Cookie "session=1"; }
    expect cache bypass reason bypass;
}
test "an outage serves a two-hour-old page" {
    stored GET http://shop.example.com/p age 2h ttl 2m;
    request GET http://shop.example.com/p;
    origin connect-error;
    expect cache stale reason stale-if-error;
    expect status 200;
}`,
    commands: ['shellac check', 'shellac reload'],
  },
]
