import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSource } from '../../../src/config/parse.ts'
import { type Substituted, substitute } from '../../../src/config/substitute.ts'
import { codesOf, filesOf, outlineOf, sourceOf } from '../../support/config.ts'

const access = filesOf(
  { '/conf/token': 'one two;\n', '/run/creds/key': 'k', '/run/locked': '!EACCES' },
  { env: { HOST: '10.0.0.1', BLANK: '', ODD: `a b; "\${env:HOST}"` }, credentials: '/run/creds' },
)

function run(text: string): Substituted {
  const parsed = parseSource(sourceOf(text))
  assert.deepEqual(parsed.diagnostics, [])
  return substitute(parsed.statements, '/conf', access)
}

test('variables, defaults, files and credentials', () => {
  const { statements, diagnostics } = run(
    `a \${env:HOST} \${env:NONE:-x:-y} \${env:BLANK:-z} \${env:BLANK} \${file:token} \${cred:key};`,
  )
  assert.deepEqual(diagnostics, [])
  assert.deepEqual(outlineOf(statements), [['a', '10.0.0.1', 'x:-y', 'z', '', 'one two;', 'k']])
})

test('what comes in stays one argument and is not read again', () => {
  assert.deepEqual(outlineOf(run(`a \${env:ODD} b;`).statements), [['a', `a b; "\${env:HOST}"`, 'b']])
})

test('files and credentials are secret, variables are not', () => {
  const [statement] = run(`a \${env:HOST} \${file:token} "x \${cred:key}" plain;`).statements
  assert.deepEqual(
    statement?.arguments.map((argument) => argument.secret),
    [false, true, true, false],
  )
  assert.deepEqual(
    statement?.arguments.map((argument) => argument.substituted),
    [true, true, true, false],
  )
})

test('substitution inside words and strings knows which part it produced', () => {
  const [statement] = run(`a \${env:HOST}:80 "<\${cred:key}\${env:HOST}>";`).statements
  assert.deepEqual(
    statement?.arguments.map((argument) => argument.text),
    ['10.0.0.1:80', '<k10.0.0.1>'],
  )
  assert.deepEqual(statement?.arguments[1]?.produced, [
    { start: 1, end: 2, secret: true },
    { start: 2, end: 10, secret: false },
  ])
})

test('"$${" is "${" in a string, and a regex is left alone', () => {
  assert.deepEqual(outlineOf(run(`a "$\${env:HOST} \${env:HOST}" ~"^$\{env:HOST}";`).statements), [
    ['a', `\${env:HOST} 10.0.0.1`, `^$\{env:HOST}`],
  ])
})

test('every failure has its place and takes its statement out', () => {
  const cases = [
    [`\${env:NONE}`, '1:7 unset-variable'],
    [`x\${env:NONE}`, '1:8 unset-variable'],
    [`\${env:}`, '1:7 bad-substitution'],
    [`\${file:}`, '1:7 bad-substitution'],
    [`\${file:/nowhere}`, '1:7 unreadable-file'],
    [`\${file:/run/locked}`, '1:7 unreadable-file'],
    [`\${cred:../key}`, '1:7 bad-substitution'],
    [`\${cred:none}`, '1:7 unreadable-file'],
    [`\${HOST}`, '1:7 unknown-substitution'],
    [`\${vault:x}`, '1:7 unknown-substitution'],
    [`"\\t \${env:NONE"`, '1:11 unclosed-substitution'],
  ] as const
  for (const [written, code] of cases) {
    const { statements, diagnostics } = run(`a { b ${written}; c; }`)
    assert.deepEqual(codesOf(diagnostics), [code], written)
    assert.deepEqual(outlineOf(statements), [['a', [['c']]]], written)
    assert.equal(statements[0]?.damaged, true)
  }
})

test('messages say why a file cannot be read, and what to write', () => {
  assert.equal(run(`a \${file:/run/locked};`).diagnostics[0]?.message, 'cannot read "/run/locked": permission denied')
  assert.equal(run(`a \${HOST};`).diagnostics[0]?.help, `did you mean "\${env:HOST}"?`)
})

test('without a credentials directory the help names the way to one', () => {
  const { statements } = parseSource(sourceOf(`a \${cred:key};`))
  const { diagnostics } = substitute(statements, '/', filesOf({}))
  assert.deepEqual(codesOf(diagnostics), ['1:3 no-credentials'])
  assert.match(diagnostics[0]?.help ?? '', /LoadCredential=key/)
})

test('files are named even when they cannot be read', () => {
  assert.deepEqual(run(`a \${file:token} \${file:/nowhere} \${cred:key};`).files, [
    '/conf/token',
    '/nowhere',
    '/run/creds/key',
  ])
})
