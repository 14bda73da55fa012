/** PURGE: removes what is stored for a URL, all variants at once; only for those the cache's `purge { allow @m; }` names. */
import type { RequestHead } from '../http/request-head.ts'
import { C } from '../log/counters.ts'
import { sendAnswer, sendError } from './answer.ts'
import type { ClientConnection } from './client-connection.ts'
import type { HeadFacts } from './facts.ts'
import { keyOf } from './find-stored.ts'
import { purgeForbidden, refusePurge } from './own-answers.ts'
import type { RouteRuntime } from './route-runtime.ts'
import { storedOf } from './stored.ts'

export function purge(connection: ClientConnection, head: RequestHead, facts: HeadFacts, route: RouteRuntime): void {
  const refused = refusePurge(route, facts) ?? (connection.hasLostPeer ? purgeForbidden : undefined)
  if (refused !== undefined) {
    sendError(connection, head, route, refused.status, refused.message, refused)
    return
  }
  const { cache } = route.cache!
  const key = keyOf(route.cache!, facts, route, connection)
  const object = cache.tier.find(key)
  // A marker stands for all variants: without it none of them is found, so for them even a soft purge is a hard one.
  const isSoft = cache.plan.purge.mode === 'soft' && object !== undefined && storedOf(object).markerId === 0
  const wasThere = isSoft ? cache.tier.expire(key) : cache.tier.remove(key)
  connection.worker.counters.add(C.purges, 1)
  sendAnswer(connection, head, route, {
    status: 200,
    body: wasThere ? 'purged\n' : 'nothing was stored\n',
    contentType: 'text/plain; charset=utf-8',
    fields: '',
    reason: 'purged',
  })
}
