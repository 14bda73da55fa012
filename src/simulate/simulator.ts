/** A Plan ready to be asked what it does with requests; as often as wanted. */
import type { Plan } from '../plan/plan.ts'
import { type PlannedBackend, type PlannedCache, type RouteParts, RouteRuntime } from '../proxy/route-runtime.ts'
import { RouteTable } from '../routing/table.ts'
import type { Outcome, Scenario } from './outcome.ts'
import { Simulation } from './simulation.ts'
import { withoutSecrets } from './without-secrets.ts'

export class Simulator {
  readonly #plan: Plan
  readonly #table: RouteTable

  constructor(configured: Plan) {
    const plan = withoutSecrets(configured)
    this.#plan = plan
    this.#table = new RouteTable(plan)
    const parts: RouteParts<PlannedBackend, PlannedCache> = {
      table: this.#table,
      backends: new Map(plan.backends.map((backend) => [backend.name, { plan: backend }])),
      caches: new Map(plan.caches.map((cache) => [cache.name, { plan: cache }])),
    }
    for (const entry of this.#table.entries) entry.user = new RouteRuntime(entry, parts)
  }

  run(scenario: Scenario): Outcome {
    return new Simulation(this.#plan, this.#table, scenario).run()
  }
}
