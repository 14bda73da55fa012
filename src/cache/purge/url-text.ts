/**
 * The URL of a request as purges name it: host, path and query as the key of the cache normalises them, without what else
 * tells objects apart (scheme, fields, cookies, variants). So one URL covers all that is stored for it.
 *
 * Routes may use one cache with different keys; a URL then has several texts, and purging it purges each.
 */
import type { RequestFacts } from '../../plan/facts.ts'
import type { KeyPlan, Plan } from '../../plan/plan.ts'
import { compileKey } from '../key.ts'

export type UrlTextOf = (request: RequestFacts) => string

/** The function gives `[AUTHORITY "|"] PATH ["?" QUERY]`. */
export function compileUrlText(plan: KeyPlan): UrlTextOf {
  return compileKey(urlKeyPlan(plan), noCondition)
}

/** Gives the texts of a request's URL, each once, under all keys with which routes use the cache. */
export function compileUrlTexts(plan: Plan, cacheName: string): (request: RequestFacts) => string[] {
  const routes = plan.sites.flatMap((site) => site.routes)
  const used = routes.flatMap(({ cache }) => (cache?.name === cacheName ? [urlKeyPlan(cache.settings.key)] : []))
  const different = new Map(used.map((key) => [JSON.stringify(key), key]))
  const functions = [...different.values()].map((key) => compileKey(key, noCondition))
  return (request) => [...new Set(functions.map((text) => text(request)))]
}

function urlKeyPlan(plan: KeyPlan): KeyPlan {
  return { ...plan, scheme: false, headers: [], cookies: [], classes: [] }
}

/** A key without classes asks for none. */
const noCondition = () => () => false
