/**
 *     match @ops       { any { source 10.0.0.0/8; header X-Ops-Token ${cred:ops-token}; } }
 *     match @logged-in { cookie session present; }
 *     match @writes    { not { method GET HEAD OPTIONS; } }
 */
import type { ClientField, MatchNode, StringTest, TlsField } from '../../plan/plan.ts'
import { type ArgumentReader, definition, nothing, type Value } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import {
  cookieName,
  fieldTest,
  headerName,
  hostPattern,
  matcherName,
  method,
  network,
  oneOf,
  pathTest,
  queryParameter,
  status,
} from './values.ts'

const conditionDoc = 'Several statements in one block must all hold, unless the block is "any" or "not".'

export const all = directive({
  name: 'all',
  shape: nothing,
  block: 'match',
  repeat: 'many',
  phase: 'check',
  doc: 'Holds when every condition inside does.',
  example: 'all { method POST; path /api/**; }',
})

export const any = directive({
  name: 'any',
  shape: nothing,
  block: 'match',
  repeat: 'many',
  phase: 'check',
  doc: 'Holds when one of the conditions inside does.',
  example: 'any { source 10.0.0.0/8; cookie staff present; }',
})

export const not = directive({
  name: 'not',
  shape: nothing,
  block: 'match',
  repeat: 'many',
  phase: 'check',
  doc: 'Holds when none of the conditions inside does.',
  example: 'not { method GET HEAD; }',
})

/** A condition whose arguments are alternatives of one type. */
function listShape<T>(value: Value<T>, build: (values: readonly T[]) => MatchNode): Shape<MatchNode> {
  return {
    syntax: `${value.syntax} ...`,
    read(reader) {
      const values = reader.rest(value)
      return values === undefined ? undefined : build(values)
    },
  }
}

/** A condition on a named field: `NAME present`, `NAME absent`, or `NAME VALUE ...`. */
function fieldShape(
  name: Value<string>,
  build: (name: string, tests: readonly StringTest[]) => MatchNode,
): Shape<MatchNode> {
  return {
    syntax: `${name.syntax} present|absent|${fieldTest.syntax} ...`,
    read(reader) {
      const field = reader.next(name)
      const tests = field === undefined ? undefined : readTests(reader)
      return field === undefined || tests === undefined ? undefined : build(field, tests)
    },
  }
}

function readTests(reader: ArgumentReader): readonly StringTest[] | undefined {
  if (reader.takeWord('present')) return [{ kind: 'present' }]
  if (reader.takeWord('absent')) return [{ kind: 'absent' }]
  return reader.rest(fieldTest)
}

export const source = directive({
  name: 'source',
  shape: listShape(network, (networks) => ({ kind: 'source', networks })),
  repeat: 'many',
  phase: 'check',
  doc:
    "The client's address is in one of these networks. Behind another proxy the client is who that proxy says, if " +
    '"forwarded { trust ...; }" believes it.',
  example: 'source 10.0.0.0/8 2001:db8::/32;',
  peers: ['src', 'acl', 'geo', 'client.ip', 'remote_addr', 'remote_ip', 'ip'],
})

const matchMethod = directive({
  name: 'method',
  shape: listShape(method, (methods) => ({ kind: 'method', methods })),
  repeat: 'many',
  phase: 'check',
  doc: 'The request has one of these methods.',
  example: 'method POST PUT DELETE;',
  peers: ['limit_except', 'req.method', 'request_method'],
})

const matchHost = directive({
  name: 'host',
  shape: listShape(hostPattern, (patterns) => ({ kind: 'host', patterns })),
  repeat: 'many',
  phase: 'check',
  doc: 'The request is for one of these hosts.',
  example: 'host *.example.com;',
  peers: ['hdr(host)', 'req.http.host', 'dstdomain', 'http_host'],
})

const matchPath = directive({
  name: 'path',
  shape: listShape(pathTest, (patterns) => ({ kind: 'path', patterns })),
  repeat: 'many',
  phase: 'check',
  doc:
    'The path fits one of these globs or regexes. "*" stays within a segment, "**" crosses segments. It is compared in ' +
    'its plain spelling: letters, digits, "-", ".", "_" and "~" decoded ("%61" is "a"), runs of slashes as one.',
  example: 'path /admin/** ~"\\\\.php$";',
  peers: ['path_beg', 'path_end', 'path_reg', 'req.url', 'url_regex', 'urlpath_regex'],
})

const matchQuery = directive({
  name: 'query',
  shape: fieldShape(queryParameter, (name, tests) => ({ kind: 'query', name, tests })),
  repeat: 'many',
  phase: 'check',
  doc: 'A query parameter is there, is absent, or has one of these values: a word, a word with "*", or a regex.',
  example: 'query preview present;',
  peers: ['url_param', 'urlp', 'arg_'],
})

const matchHeader = directive({
  name: 'header',
  shape: fieldShape(headerName, (name, tests) => ({ kind: 'header', name: name.toLowerCase(), tests })),
  repeat: 'many',
  phase: 'check',
  doc: 'A request field is there, is absent, or has one of these values.',
  example: 'header Accept *text/html*;',
  peers: ['hdr', 'req.hdr', 'req.http', 'req_header', 'http_'],
})

const matchCookie = directive({
  name: 'cookie',
  shape: fieldShape(cookieName, (name, tests) => ({ kind: 'cookie', name, tests })),
  repeat: 'many',
  phase: 'check',
  doc: 'A cookie is there, is absent, or has one of these values.',
  example: 'cookie session present;',
  peers: ['cook', 'req.cook', 'cookie_', 'req.http.Cookie'],
})

const schemeShape: Shape<MatchNode> = {
  syntax: 'http|https',
  read(reader) {
    const scheme = reader.next(schemeValue)
    return scheme === undefined ? undefined : { kind: 'scheme', scheme }
  },
}
const schemeValue = oneOf('http', 'https')

const matchScheme = directive({
  name: 'scheme',
  shape: schemeShape,
  phase: 'check',
  doc: 'The request came by http or https.',
  example: 'scheme https;',
  peers: ['ssl_fc', '$scheme'],
})

const tlsShape: Shape<MatchNode> = {
  syntax: 'sni|version|cipher|protocol present|absent|VALUE|GLOB|~"REGEX" ...',
  read(reader) {
    const field = reader.next(oneOf<TlsField>('sni', 'version', 'cipher', 'protocol'))
    const tests = field === undefined ? undefined : readTests(reader)
    return field === undefined || tests === undefined ? undefined : { kind: 'tls', field, tests }
  },
}

const matchTls = directive({
  name: 'tls',
  shape: tlsShape,
  repeat: 'many',
  phase: 'check',
  doc:
    'The request came over TLS, and of its connection this holds: the name that was asked for (sni, lower case), the version ' +
    '(1.2, 1.3), the cipher as OpenSSL names it, or the protocol that ALPN chose (h2, http/1.1).',
  example: 'tls sni *.example.com;',
  peers: [
    'ssl_fc_sni',
    'req.ssl_sni',
    'ssl_server_name',
    'ssl_protocol',
    'ssl_fc_protocol',
    'ssl_cipher',
    'ssl_fc_cipher',
  ],
})

const clientStates = ['verified', 'untrusted', 'absent'] as const
const clientFields = ['subject', 'common-name', 'name', 'issuer', 'serial', 'fingerprint'] as const

const clientShape: Shape<MatchNode> = {
  syntax: clientStates.join('|'),
  otherSyntax: `${clientFields.join('|')} VALUE|GLOB|~"REGEX" ...`,
  read(reader) {
    const word = reader.next(oneOf(...clientStates, ...clientFields))
    if (word === undefined) return undefined
    const state = clientStates.find((one) => one === word)
    if (state !== undefined) return { kind: 'client-certificate', state }
    const tests = readTests(reader)
    return tests && { kind: 'client-field', field: word as ClientField, tests }
  },
}

const matchClientCertificate = directive({
  name: 'client-certificate',
  shape: clientShape,
  repeat: 'many',
  phase: 'check',
  doc:
    'What certificate the client has shown: a valid one, one that is not trusted, or none; or a valid one whose field has one ' +
    'of these values. "subject" and "issuer" are compared as "CN=Ada,O=Example", "common-name" is the CN alone, "name" any of ' +
    'the host names, mail addresses and URIs in it; "serial" and "fingerprint" (SHA-256) are hexadecimal, in lower case and without ' +
    'colons. Of a certificate that is not valid no field ever holds. Listeners ask for one with "client-certificate" in "tls".',
  example: 'client-certificate common-name ada grace;',
  peers: [
    'ssl_client_verify',
    'ssl_client_s_dn',
    'ssl_client_i_dn',
    'ssl_client_serial',
    'ssl_client_fingerprint',
    'ssl_c_verify',
    'ssl_c_s_dn',
    'ssl_c_used',
    'SSL_CLIENT_VERIFY',
    'SSL_CLIENT_S_DN',
    'SSLRequire',
  ],
})

const matchStatus = directive({
  name: 'status',
  shape: listShape(status, (statuses) => ({ kind: 'status', statuses })),
  repeat: 'many',
  phase: 'check',
  doc: 'The response has one of these statuses. Only statements that act on responses may use such a matcher.',
  example: 'status 404 5xx;',
  peers: ['beresp.status', 'resp.status', 'http_status'],
})

const matchResponseHeader = directive({
  name: 'response-header',
  shape: fieldShape(headerName, (name, tests) => ({ kind: 'response-header', name: name.toLowerCase(), tests })),
  repeat: 'many',
  phase: 'check',
  doc: 'A response field is there, is absent, or has one of these values.',
  example: 'response-header Content-Type text/*;',
  peers: ['res.hdr', 'beresp.http', 'resp.http', 'rep_header'],
})

/** The name of this statement is the reference itself: `@ops;`. */
const referenceShape: Shape<MatchNode> = {
  syntax: '',
  read(reader) {
    const { text, span } = reader.statement.name
    const read = matcherName.read({ kind: 'bare', text, secret: false, substituted: false, span })
    if (!read.ok) return reader.reject(read.diagnostic)
    reader.refer('matcher', read.value, span)
    return { kind: 'matcher', name: read.value }
  },
}

export const matchMatcher = directive({
  name: '@NAME',
  shape: referenceShape,
  repeat: 'many',
  phase: 'check',
  doc: 'Another matcher holds. Matchers may not lead back to themselves.',
  example: '@ops;',
})

export const matchContext: Context = {
  name: 'match',
  doc: `A named condition. ${conditionDoc}`,
  directives: [
    all,
    any,
    not,
    source,
    matchMethod,
    matchHost,
    matchPath,
    matchQuery,
    matchHeader,
    matchCookie,
    matchScheme,
    matchTls,
    matchClientCertificate,
    matchStatus,
    matchResponseHeader,
    matchMatcher,
  ],
}

export const match = directive({
  name: 'match',
  shape: definition('matcher', matcherName),
  block: 'match',
  repeat: 'many',
  phase: 'check',
  doc:
    `A named condition, used as "when @NAME", "bypass @NAME", "allow @NAME". ${conditionDoc} A condition changes ` +
    'settings, never who answers.',
  example: 'match @logged-in { cookie session present; }',
  peers: ['acl', 'geo', 'elsif', 'LocationMatch', 'unless', 'SetEnvIf'],
})
