/**
 *     route media { path /media/**; method GET HEAD; cache static; strip-prefix /media; proxy files; }
 *     route css   { path **.css; overlap yields; cache static; }
 *     route old   { path /old/**; redirect 308 /new/$1; }
 *     route up    { path /_status; allow @ops; respond 200 "ok" type text/plain; }
 */
import { definition, many, one, reference } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import { siteStatements } from './site-statements.ts'
import {
  absolutePath,
  answerStatus,
  identifier,
  matcherName,
  mediaType,
  method,
  oneOf,
  pathPattern,
  redirectLocation,
  redirectStatus,
  rewriteTarget,
  text,
} from './values.ts'

export const path = directive({
  name: 'path',
  shape: many(pathPattern),
  repeat: 'many',
  isRequired: true,
  phase: 'route',
  doc:
    'The paths of the route: globs, where "*" stays within a segment and "**" crosses segments, or regexes. One ' +
    'of them must fit. Which of several routes is taken does not depend on their order: the narrower pattern ' +
    'wins, and where neither is narrower one route must say so with "overlap" or "before". The path is compared in its plain ' +
    'spelling ("%61" as "a", "//" as "/"), and goes to the origin as it came; one with dot segments is refused.',
  example: 'path /api/** /v2/**;',
  peers: ['location', 'path_beg', 'uri', 'url_rewrite_access', 'req.url', 'Location'],
})

export const routeMethod = directive({
  name: 'method',
  shape: many(method),
  repeat: 'many',
  phase: 'route',
  doc: 'The methods of the route. Without it, every method.',
  example: 'method GET HEAD;',
  peers: ['limit_except', 'req.method'],
})

export const when = directive({
  name: 'when',
  shape: reference('matcher', matcherName),
  phase: 'route',
  doc:
    'The route is taken only by requests for which this matcher holds. Such a route is narrower than the same one ' +
    'without.',
  example: 'when @mobile;',
})

export const overlap = directive({
  name: 'overlap',
  shape: one(oneOf('yields', 'wins')),
  phase: 'route',
  doc:
    'What happens to requests that another route matches too, where neither of the two is narrower: they go to ' +
    'the other route ("yields") or to this one ("wins").',
  example: 'overlap yields;',
})

export const before = directive({
  name: 'before',
  shape: reference('route', identifier),
  repeat: 'many',
  phase: 'route',
  doc: 'This route takes what it has in common with that other one, where neither is narrower.',
  example: 'before pages;',
})

export interface RespondArguments {
  readonly status: number
  readonly body: string
  readonly contentType: string
}

const respondShape: Shape<RespondArguments> = {
  syntax: 'STATUS ["BODY" [type MEDIA-TYPE]]',
  read(reader) {
    const status = reader.next(answerStatus)
    if (status === undefined) return undefined
    const body = reader.peek() === undefined ? '' : reader.next(text)
    const contentType = reader.takeWord('type') ? reader.next(mediaType) : 'text/plain; charset=utf-8'
    return body === undefined || contentType === undefined ? undefined : { status, body, contentType }
  },
}

export const respond = directive({
  name: 'respond',
  shape: respondShape,
  phase: 'deliver',
  doc: 'Answers by itself, without a backend.',
  example: 'respond 200 "ok" type text/plain;',
  peers: ['synth', 'http-request return', 'deny_info', 'empty_gif', 'monitor-uri', 'error_page'],
})

export interface RedirectArguments {
  readonly status: number
  readonly location: string
}

const redirectShape: Shape<RedirectArguments> = {
  syntax: `${redirectStatus.syntax} LOCATION`,
  read(reader) {
    const status = reader.next(redirectStatus)
    const location = status === undefined ? undefined : reader.next(redirectLocation)
    return status === undefined || location === undefined ? undefined : { status, location }
  },
}

export const redirect = directive({
  name: 'redirect',
  shape: redirectShape,
  phase: 'deliver',
  doc:
    'Sends the client elsewhere. The location may hold $1, $2 ... for what the wildcards or groups of the path ' +
    'took, and $request.uri, $request.path and $request.host.',
  example: 'redirect 308 /new/$1;',
  peers: ['return 301', 'rewrite', 'http-request redirect', 'Redirect', 'RedirectMatch', 'permanent'],
})

export const stripPrefix = directive({
  name: 'strip-prefix',
  shape: one(absolutePath),
  phase: 'request edits',
  doc: 'Removes this prefix from the path that is sent to the backend.',
  example: 'strip-prefix /media;',
  peers: ['proxy_pass (with a path)', 'alias', 'std.strip'],
})

export const addPrefix = directive({
  name: 'add-prefix',
  shape: one(absolutePath),
  phase: 'request edits',
  doc: 'Puts this prefix before the path that is sent to the backend.',
  example: 'add-prefix /v1;',
  peers: ['http-request set-path'],
})

export const rewrite = directive({
  name: 'rewrite',
  shape: one(rewriteTarget),
  phase: 'request edits',
  doc:
    'The path that is sent to the backend instead; $1, $2 ... stand for what the wildcards or groups of the path ' +
    'took. The query stays.',
  example: 'rewrite /index/$1;',
  peers: [
    'rewrite',
    'http-request replace-path',
    'regsub',
    'RewriteRule',
    'http-request set-path',
    'url_rewrite_program',
  ],
})

export const clear = directive({
  name: 'clear',
  shape: one(oneOf('headers')),
  phase: 'request edits',
  doc: 'Drops the header edits that the route would inherit from its site.',
  example: 'clear headers;',
})

export const routeContext: Context = {
  name: 'route',
  doc: "One entry of a site's routing table: which requests, and what becomes of them.",
  directives: [
    path,
    routeMethod,
    when,
    overlap,
    before,
    respond,
    redirect,
    stripPrefix,
    addPrefix,
    rewrite,
    clear,
    ...siteStatements,
  ],
}

export const route = directive({
  name: 'route',
  shape: definition('route', identifier),
  block: 'route',
  repeat: 'many',
  phase: 'route',
  doc:
    'Which requests of the site it takes, and what becomes of them. A site without routes sends everything where ' +
    'its "proxy" says.',
  example: 'route api { path /api/**; cache off; }',
  peers: ['location', 'use_backend', 'Location', 'Directory', 'handle', 'url_regex', 'Proxy'],
})
