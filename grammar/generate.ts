/** Writes what is derived from the parser. Run: `npx node grammar/generate.ts`. A test wants no difference. */
import { readFileSync, writeFileSync } from 'node:fs'
import { generateCstDts } from 'chevrotain'
import { toEbnf } from './ebnf.ts'
import { parser } from './parser.ts'
import { escapeHtml, toRailroad } from './railroad.ts'
import { grammarRules } from './rules.ts'

const root = new URL('../', import.meta.url)

/** Every generated file: its path from the root of the project, and its text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['grammar/cst.d.ts', cstTypes()],
    ['grammar/shellac.ebnf', ebnf(readFileSync(new URL('grammar/shellac.ebnf', root), 'utf8'))],
    ['doc/grammar.html', page()],
  ])
}

function cstTypes(): string {
  const note = '// Written by grammar/generate.ts from grammar/parser.ts. Do not edit.\n'
  return note + generateCstDts(parser.getGAstProductions())
}

const RULES = /(# rules: .*\n)[^#]*(# words: )/

/** The part of the file between `# rules:` and `# words:` is generated; what is around it is written by hand. */
function ebnf(before: string): string {
  return before.replace(RULES, (_, head: string, tail: string) => `${head}\n${toEbnf(grammarRules())}\n${tail}`)
}

function page(): string {
  const diagrams = grammarRules().map(
    (rule) =>
      `<h2 id="${rule.name}">${rule.name}</h2>\n${toRailroad(rule)}<pre>${escapeHtml(toEbnf([rule]).trimEnd())}</pre>\n`,
  )
  return `<!doctype html>
<!-- Written by grammar/generate.ts from grammar/parser.ts. Do not edit. -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The grammar of shellac.conf</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff; }
svg { display: block; max-width: 100%; font: 14px ui-monospace, monospace; }
path { fill: none; stroke: #444; stroke-width: 1.5; }
rect { stroke: #444; stroke-width: 1.5; }
.mark { fill: #444; }
.literal { fill: #e4f0dc; }
.token { fill: #fbf0d0; }
.rule { fill: #dde8f6; }
text { text-anchor: middle; fill: #111; }
pre { color: #555; }
</style>
</head>
<body>
<h1>The grammar of shellac.conf</h1>
<p>Green is a character that stands as it is, yellow a kind of word, blue a rule of its own.
How words are written, and where blanks and comments may stand, is in <code>grammar/shellac.ebnf</code>.</p>
${diagrams.join('')}</body>
</html>
`
}

if (import.meta.main) {
  for (const [path, text] of generatedFiles()) writeFileSync(new URL(path, root), text)
}
