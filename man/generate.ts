/** Writes man/shellac.conf.5: `npx node man/generate.ts`. A test wants no difference. */
import { writeFileSync } from 'node:fs'
import { configManPage } from '../src/config/man.ts'

writeFileSync(new URL('shellac.conf.5', import.meta.url), configManPage())
