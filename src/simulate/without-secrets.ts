/** A Plan whose secret values are not those of the configuration: what tests and explanations print may be read by anyone. */
import type { HeaderEdit, Plan, RoutePlan } from '../plan/plan.ts'

const SHOWN_SECRET = '[secret]'

/** Only what is sent is replaced; matchers go on comparing with the secrets. */
export function withoutSecrets(plan: Plan): Plan {
  return { ...plan, sites: plan.sites.map((site) => ({ ...site, routes: site.routes.map(routeWithoutSecrets) })) }
}

function routeWithoutSecrets(route: RoutePlan): RoutePlan {
  const { requestHeaders, responseHeaders } = route
  return {
    ...route,
    requestHeaders: requestHeaders.map(editWithoutSecrets),
    responseHeaders: responseHeaders.map(editWithoutSecrets),
  }
}

function editWithoutSecrets(edit: HeaderEdit): HeaderEdit {
  const value = edit.value.map((part) => (part.kind === 'text' && part.secret ? { ...part, text: SHOWN_SECRET } : part))
  return { ...edit, value }
}
