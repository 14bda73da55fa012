/**
 * What a site says for all its routes, and a route for itself. A route's word stands before its site's; header edits
 * and access rules add up.
 *
 *     proxy app; use-cache shop; cache static; allow @office; deny all; body-bytes 10MiB; upgrade websocket;
 *     hsts 365d; cache-status full;
 *     forwarded { trust 10.0.0.0/8; x-forwarded on; forwarded off; via shellac; }
 */
import { type ArgumentReader, many, nothing, one, readReference, reference } from './arguments.ts'
import { type Context, type Directive, directive, type Shape } from './directive.ts'
import { headersBlock } from './headers.ts'
import { accessMatcher, backendName, duration, identifier, network, oneOf, onOff, size, viaName } from './values.ts'

export const proxy = directive({
  name: 'proxy',
  shape: reference('backend', backendName),
  phase: 'fetch',
  doc:
    'Requests are answered by this backend. The URI is sent as it came; only "strip-prefix", "add-prefix" and ' +
    '"rewrite" change it.',
  example: 'proxy app;',
  peers: [
    'proxy_pass',
    'use_backend',
    'default_backend',
    'set req.backend_hint',
    'backend_hint',
    'ProxyPass',
    'fastcgi_pass',
    'uwsgi_pass',
    'reverse_proxy',
    'cache_peer_access',
  ],
})

export const useCache = directive({
  name: 'use-cache',
  shape: reference('cache', identifier),
  phase: 'look-up',
  doc: 'The store in which answers are looked up and kept. Without it nothing is cached.',
  example: 'use-cache shop;',
  peers: ['proxy_cache', 'filter cache', 'CacheEnable'],
})

/** `cache RULE;` or `cache off;`; undefined: off. */
export interface CacheChoice {
  readonly rule: string | undefined
}

const cacheChoiceShape: Shape<CacheChoice> = {
  syntax: 'RULE|off',
  read(reader) {
    if (reader.takeWord('off')) return { rule: undefined }
    const rule = readReference(reader, 'rule', identifier)
    return rule === undefined ? undefined : { rule }
  },
}

export const cacheChoice = directive({
  name: 'cache',
  shape: cacheChoiceShape,
  phase: 'store',
  doc: 'The rule by which answers are cached, or "off". Without it the settings of the cache itself hold.',
  example: 'cache static;',
  peers: ['proxy_cache_valid', 'expires', 'CacheDisable', 'proxy_no_cache'],
})

export interface AccessArguments {
  /** undefined: `all`. */
  readonly matcher: string | undefined
}

const accessShape: Shape<AccessArguments> = {
  syntax: `${accessMatcher.syntax}|all`,
  read(reader: ArgumentReader) {
    if (reader.takeWord('all')) return { matcher: undefined }
    const matcher = readReference(reader, 'matcher', accessMatcher)
    return matcher === undefined ? undefined : { matcher }
  },
}

export const allow = directive({
  name: 'allow',
  shape: accessShape,
  repeat: 'many',
  phase: 'access',
  doc:
    'Lets in only those for whom one of the matchers named by "allow" holds; everybody else gets 403. The order ' +
    'of "allow" and "deny" does not matter: who is denied by a matcher stays out, then who is allowed by one ' +
    'comes in, and "all" decides on the rest.',
  example: 'allow @office;',
  peers: ['allow', 'satisfy', 'http-request allow', 'http_access', 'Require'],
})

export const deny = directive({
  name: 'deny',
  shape: accessShape,
  repeat: 'many',
  phase: 'access',
  doc: 'Keeps out everybody for whom this matcher holds, with 403.',
  example: 'deny @crawlers;',
  peers: ['deny', 'http-request deny', 'http_access', 'block', 'error'],
})

export const bodyBytes = directive({
  name: 'body-bytes',
  shape: one(size),
  phase: 'limits',
  doc: 'The largest request body here; a larger one gets 413. Without it the bound of the listener holds.',
  example: 'body-bytes 2GiB;',
  peers: ['client_max_body_size', 'LimitRequestBody'],
})

const hstsWord = oneOf('include-subdomains', 'preload')

export interface HstsArguments {
  /** undefined: `off`. */
  readonly value: string | undefined
}

const hstsShape: Shape<HstsArguments> = {
  syntax: `${duration.syntax} [include-subdomains] [preload]`,
  otherSyntax: 'off',
  read(reader) {
    if (reader.takeWord('off')) return { value: undefined }
    const lifeMs = reader.next(duration)
    if (lifeMs === undefined) return undefined
    const words = new Set<string>()
    while (reader.peek() !== undefined) {
      const word = reader.next(hstsWord)
      if (word === undefined) return undefined
      words.add(word)
    }
    const parts = [`max-age=${Math.trunc(lifeMs / 1000)}`]
    if (words.has('include-subdomains')) parts.push('includeSubDomains')
    if (words.has('preload')) parts.push('preload')
    return { value: parts.join('; ') }
  },
}

export const hsts = directive({
  name: 'hsts',
  shape: hstsShape,
  phase: 'deliver',
  doc:
    'Tells browsers to come by https only, for so long (Strict-Transport-Security, RFC 6797): in answers over TLS, in place of ' +
    'what the origin says about it. "include-subdomains" is for all hosts below this one too, "preload" allows browsers to ' +
    'know it beforehand; neither can be taken back quickly. A route may turn it off, or say something else.',
  example: 'hsts 365d;',
  peers: [
    'Strict-Transport-Security',
    'Header always set Strict-Transport-Security',
    'http-response set-header Strict-Transport-Security',
  ],
})

export const cacheStatus = directive({
  name: 'cache-status',
  shape: one(oneOf('off', 'reason', 'full')),
  defaultText: 'reason',
  phase: 'deliver',
  doc:
    'What Cache-Status (RFC 9211) tells clients: nothing of this cache; what it did and the reason; or in full, with the ' +
    'key and with the route and its line in the configuration. "full" is for finding out, as it shows strangers how ' +
    'the site is made.',
  example: 'cache-status full;',
  peers: [
    'upstream_cache_status',
    'add_header X-Cache-Status',
    'obj.hits',
    'X-Cache',
    'CacheHeader',
    'CacheDetailHeader',
  ],
})

export const upgrade = directive({
  name: 'upgrade',
  shape: many(oneOf('websocket')),
  phase: 'deliver',
  doc: 'Protocols that a client may switch to. Without it the Upgrade field is dropped.',
  example: 'upgrade websocket;',
  peers: ['proxy_set_header Upgrade', 'pipe', 'return (pipe)', 'http-upgrade', 'option http-server-close'],
})

export const trust = directive({
  name: 'trust',
  shape: many(network),
  repeat: 'many',
  phase: 'request edits',
  doc:
    'Peers whose own X-Forwarded-*, X-Real-IP and Forwarded are believed and added to. From everybody else they are ' +
    "dropped, so that nobody can claim another's address.",
  example: 'trust 10.0.0.0/8;',
  peers: ['set_real_ip_from', 'real_ip_header', 'follow_x_forwarded_for', 'RemoteIPTrustedProxy', 'accept-proxy'],
})

export const xForwarded = directive({
  name: 'x-forwarded',
  shape: one(onOff),
  defaultText: 'on',
  phase: 'request edits',
  doc: 'Whether X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are sent to the origin.',
  example: 'x-forwarded off;',
  peers: ['option forwardfor', 'proxy_add_x_forwarded_for', 'forwarded_for', 'ProxyAddHeaders'],
})

export const forwardedField = directive({
  name: 'forwarded',
  shape: one(onOff),
  defaultText: 'off',
  phase: 'request edits',
  doc: 'Whether Forwarded (RFC 7239) is sent to the origin.',
  example: 'forwarded on;',
  peers: ['option forwarded'],
})

export const via = directive({
  name: 'via',
  shape: one(viaName),
  defaultText: 'shellac',
  phase: 'request edits',
  doc: 'The name this proxy gives itself in Via (RFC 9110 §7.6.3), or "off".',
  example: 'via edge1;',
  peers: ['ProxyVia', 'visible_hostname', 'proxy_hide_header'],
})

export const forwardedContext: Context = {
  name: 'forwarded',
  doc:
    'What origins are told about the client. A part that is not mentioned keeps its default or what the site ' +
    'said.',
  directives: [trust, xForwarded, forwardedField, via],
}

export const forwarded = directive({
  name: 'forwarded',
  shape: nothing,
  block: 'forwarded',
  phase: 'request edits',
  doc: 'What origins are told about the client, and whose word about it is believed.',
  example: 'forwarded { trust 10.0.0.0/8; forwarded on; }',
  peers: ['set_real_ip_from', 'option forwardfor'],
})

/** The statements that stand in sites and in routes. */
export const siteStatements: readonly Directive[] = [
  proxy,
  useCache,
  cacheChoice,
  headersBlock,
  forwarded,
  upgrade,
  allow,
  deny,
  bodyBytes,
  hsts,
  cacheStatus,
]
