/** Every check, in the order that reads best: what a name means, then what objects are, then how they lie to each other. */
import type { CheckedDocument } from '../checked.ts'
import type { Compiled } from '../compile.ts'
import type { Report } from '../directives/directive.ts'
import { checkBackends } from './backends.ts'
import { checkCaches, checkClusters } from './caches.ts'
import { checkKeys } from './keys.ts'
import { checkListeners, checkLogs, checkUnusedListeners } from './listeners.ts'
import { checkMatchers } from './matchers.ts'
import { checkDoubtfulPools, checkMemcached } from './memcached.ts'
import { checkDuplicateNames, checkUndefinedNames, checkUnusedNames } from './names.ts'
import { checkPrecedence } from './precedence.ts'
import { checkRoutes } from './routes.ts'
import { checkSharedKeys } from './shared-keys.ts'
import { checkSharing } from './sharing.ts'
import { checkSites, checkUncovered } from './sites.ts'
import { checkTests } from './tests.ts'
import { checkDoubtfulTls, checkTls } from './tls.ts'
import { checkTlsSessions, checkUselessSessions } from './tls-sessions.ts'
import { checkTtls } from './ttls.ts'
import { checkVersion } from './version.ts'

export function checkAll(checked: CheckedDocument, compiled: Compiled, report: Report): void {
  checkVersion(checked, report)
  checkDuplicateNames(checked, report)
  checkUndefinedNames(checked, report)
  checkListeners(checked, report)
  checkTls(checked, report)
  checkLogs(checked, report)
  checkBackends(checked, report)
  checkMemcached(checked, report)
  checkTlsSessions(checked, report)
  checkCaches(checked, report)
  checkClusters(checked, compiled, report)
  checkKeys(checked, report)
  checkTtls(checked, report)
  checkMatchers(checked, report)
  checkSites(checked, report)
  checkRoutes(checked, report)
  checkPrecedence(compiled.sites, report)
  checkTests(checked, compiled, report)
}

/**
 * What is missing, superfluous or unsafe. Only for a file without errors: a misspelt name makes its object look unused.
 */
export function checkDoubtful(checked: CheckedDocument, compiled: Compiled, report: Report): void {
  checkUncovered(checked, report)
  checkUnusedNames(checked, report)
  checkUnusedListeners(checked, report)
  checkDoubtfulTls(checked, compiled, report)
  checkDoubtfulPools(checked, compiled, report)
  checkUselessSessions(checked, report)
  checkSharing(checked, compiled, report)
  checkSharedKeys(checked, compiled, report)
}
