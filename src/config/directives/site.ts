/**
 *     site shop.example.com www.shop.example.com {
 *         on public; proxy app; use-cache shop;
 *         headers { response remove Server; }
 *         route api { path /api/**; cache off; }
 *     }
 */
import { many, references } from './arguments.ts'
import { type Context, directive } from './directive.ts'
import { route } from './route.ts'
import { siteStatements } from './site-statements.ts'
import { hostPattern, identifier } from './values.ts'

export const on = directive({
  name: 'on',
  shape: references('listener', identifier),
  repeat: 'many',
  phase: 'accept',
  doc: 'The listeners this site is served on. Without it, all of them.',
  example: 'on public;',
  peers: ['listen', 'bind', 'use-listener'],
})

export const siteContext: Context = {
  name: 'site',
  doc: 'Hosts, and what becomes of requests for them.',
  directives: [on, route, ...siteStatements],
}

export const site = directive({
  name: 'site',
  shape: many(hostPattern),
  block: 'site',
  repeat: 'many',
  phase: 'route',
  doc:
    'The hosts it serves, and what becomes of requests for them. "*.example.com" is every host below, "*" every ' +
    'host that no other site takes; the more exact name wins. A request that no site and no route takes gets 404.',
  example: 'site shop.example.com { proxy app; }',
  peers: ['server', 'ServerName', 'ServerAlias', 'VirtualHost', 'hdr(host)', 'vhost'],
})
