/** Writes the generated pages of man/: `npx node man/generate.ts`. A test wants no difference. */
import { writeFileSync } from 'node:fs'
import { dcManFile, dcManPage } from '../src/cli/dc-man.ts'
import { dcManuals } from '../src/cli/dc-manuals.ts'
import { configManPage } from '../src/config/man.ts'

writeFileSync(new URL('shellac.conf.5', import.meta.url), configManPage())
for (const manual of dcManuals) writeFileSync(new URL(dcManFile(manual), import.meta.url), dcManPage(manual))
