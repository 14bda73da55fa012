/**
 *     log daemon { to stderr; level info; }
 *     log access { to file:/var/log/shellac/access.log; format json; sample 10% when @ok; }
 */
import { one, readReference } from './arguments.ts'
import { type BlockRule, type Context, directive, type Shape } from './directive.ts'
import { logTarget, matcherName, oneOf, percent } from './values.ts'

export const to = directive({
  name: 'to',
  shape: one(logTarget),
  isRequired: true,
  phase: 'log',
  doc:
    'Where the lines go. A file is opened again on SIGUSR1 and whenever it was moved away; a full disk costs ' +
    'lines, never requests.',
  example: 'to file:/var/log/shellac/access.log;',
})

export const level = directive({
  name: 'level',
  shape: one(oneOf('debug', 'info', 'warn', 'error')),
  defaultText: 'info',
  phase: 'log',
  doc: 'The least severe messages that are written.',
  example: 'level warn;',
})

export const format = directive({
  name: 'format',
  shape: one(oneOf('json', 'combined')),
  defaultText: 'json',
  phase: 'log',
  doc:
    'One JSON object for each request, or the "combined" lines of Apache and nginx with the cache status and its ' +
    'reason at the end.',
  example: 'format combined;',
  peers: ['log_format', 'LogFormat', 'log-format', 'logformat'],
})

export const sample = directive({
  name: 'sample',
  shape: one(percent),
  defaultText: '100%',
  phase: 'log',
  doc: 'The share of requests that get a line.',
  example: 'sample 1%;',
})

const whenShape: Shape<string> = {
  syntax: matcherName.syntax,
  read: (reader) => readReference(reader, 'matcher', matcherName),
}

export const logWhen = directive({
  name: 'when',
  shape: whenShape,
  phase: 'log',
  doc: 'Only requests for which this matcher holds get a line. The matcher may look at the response.',
  example: 'when @failed;',
})

export const daemonLogContext: Context = {
  name: 'log daemon',
  doc: "The daemon's own messages.",
  directives: [to, level],
}

export const accessLogContext: Context = {
  name: 'log access',
  doc: 'One line for each request.',
  directives: [to, format, sample, logWhen],
}

export type LogKind = 'daemon' | 'access'

const logBlockRule: BlockRule<LogKind> = {
  contexts: ['log daemon', 'log access'],
  presence: 'required',
  choose: (kind) => (kind === 'daemon' ? 'log daemon' : 'log access'),
}

export const log = directive({
  name: 'log',
  shape: one(oneOf('daemon', 'access')),
  block: logBlockRule,
  repeat: 'many',
  phase: 'log',
  doc:
    'Where messages ("log daemon") and requests ("log access") are written. Without them messages go to stderr ' +
    'and requests are not logged.',
  example: 'log access { to file:/var/log/shellac/access.log; format json; }',
  peers: ['access_log', 'error_log', 'CustomLog', 'ErrorLog', 'cache_access_log', 'varnishncsa', 'option httplog'],
})
