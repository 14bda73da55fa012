/** Writes grammar/cst.d.ts from the parser. Run: `npx node grammar/generate.ts`. */
import { writeFileSync } from 'node:fs'
import { generateCstDts } from 'chevrotain'
import { parser } from './parser.ts'

/** Every generated file: its path from the root of the project, and its text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const note = '// Written by grammar/generate.ts from grammar/parser.ts. Do not edit.\n'
  return new Map([['grammar/cst.d.ts', note + generateCstDts(parser.getGAstProductions())]])
}

if (import.meta.main) {
  for (const [path, text] of generatedFiles()) writeFileSync(new URL(`../${path}`, import.meta.url), text)
}
