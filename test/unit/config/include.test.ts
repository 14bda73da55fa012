import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { realFileAccess } from '../../../src/config/file-access.ts'
import { type ReadResult, readDocument } from '../../../src/config/include.ts'
import { formatDiagnostics } from '../../../src/config/print.ts'
import { codesOf, filesOf, outlineOf } from '../../support/config.ts'

function read(texts: Readonly<Record<string, string>>): ReadResult {
  return readDocument({ path: '/etc/s/main.conf' }, filesOf(texts))
}

test('an include gives way to the statements of the file, wherever it stands', () => {
  const { document, diagnostics } = read({
    '/etc/s/main.conf': 'a; include b.conf; site { include sub/c.conf; }',
    '/etc/s/b.conf': 'b 1;',
    '/etc/s/sub/c.conf': 'include d.conf;',
    '/etc/s/sub/d.conf': 'd;',
  })
  assert.deepEqual(diagnostics, [])
  assert.deepEqual(outlineOf(document.statements), [['a'], ['b', '1'], ['site', [['d']]]])
  assert.equal(document.sources.length, 4)
})

test('the files of a glob come in the order of their names, without the including file', () => {
  const { document, files } = read({
    '/etc/s/main.conf': 'include *.conf;',
    '/etc/s/b.conf': 'b;',
    '/etc/s/a.conf': 'a;',
  })
  assert.deepEqual(outlineOf(document.statements), [['a'], ['b']])
  assert.deepEqual(files, ['/etc/s/main.conf', '/etc/s', '/etc/s/a.conf', '/etc/s/b.conf'])
})

test('a glob without files is fine, and its folder is watched', () => {
  const { diagnostics, files } = read({ '/etc/s/main.conf': 'include conf.d/*.conf;' })
  assert.deepEqual(diagnostics, [])
  assert.deepEqual(files, ['/etc/s/main.conf', '/etc/s/conf.d'])
})

test('a missing or unreadable file is an error that names the reason', () => {
  const result = read({ '/etc/s/main.conf': 'site { include /x/no.conf; }\ninclude /x/dir;', '/x/dir': '!EISDIR' })
  assert.deepEqual(codesOf(result.diagnostics), ['1:16 unreadable-file', '2:9 unreadable-file'])
  assert.equal(result.diagnostics[0]?.message, 'cannot read "/x/no.conf": there is no such file')
  assert.equal(result.diagnostics[1]?.message, 'cannot read "/x/dir": it is a directory')
  assert.equal(result.document.statements[0]?.damaged, true)
  assert.deepEqual(result.files, ['/etc/s/main.conf', '/x/no.conf', '/x/dir'])
})

test('an entry that cannot be read is an error without an excerpt', () => {
  const { diagnostics, files } = read({})
  const text = formatDiagnostics(diagnostics, { color: false })
  assert.match(text, /^\/etc\/s\/main\.conf: error: cannot read .* there is no such file \[unreadable-file\]\n/)
  assert.deepEqual(files, ['/etc/s/main.conf'])
})

test('a cycle is reported once, with the way round it', () => {
  const { document, diagnostics } = read({
    '/etc/s/main.conf': 'a;\ninclude /etc/s/b.conf;',
    '/etc/s/b.conf': 'b;\ninclude /etc/s/c.conf;',
    '/etc/s/c.conf': 'c;\n\ninclude /etc/s/b.conf;',
  })
  assert.deepEqual(codesOf(diagnostics), ['3:9 include-cycle'])
  assert.deepEqual(outlineOf(document.statements), [['a'], ['b'], ['c']])
  assert.equal(
    formatDiagnostics(diagnostics, { color: false }),
    [
      '/etc/s/c.conf:3:9: error: "/etc/s/b.conf" includes itself [include-cycle]',
      '    3 | include /etc/s/b.conf;',
      '      |         ^^^^^^^^^^^^^',
      '  note: included from /etc/s/b.conf:2',
      '  note: included from /etc/s/main.conf:2',
      '  help: remove one of the "include" statements of this circle',
      '',
      '1 error',
      '',
    ].join('\n'),
  )
})

test('depth and number of files are bounded', () => {
  const deep = Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => [`/etc/s/${at === 0 ? 'main' : at}.conf`, `include ${at + 1}.conf;`]),
  )
  assert.deepEqual(codesOf(read(deep).diagnostics), ['1:9 too-deep'])
  const many = { '/etc/s/main.conf': 'include m/*.conf;', ...manyFiles(1500) }
  const result = read(many)
  assert.deepEqual(codesOf(result.diagnostics), ['1:9 too-many-files'])
  assert.equal(result.document.sources.length, 1000)
})

function manyFiles(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`/etc/s/m/${at}.conf`, '']))
}

test('an include that is written wrong', () => {
  const { diagnostics } = read({
    '/etc/s/main.conf': 'include;\ninclude a b;\ninclude a { b; }\ninclude ~"a";\ninclude "";',
  })
  assert.deepEqual(codesOf(diagnostics), [
    '1:1 missing-argument',
    '2:11 unexpected-argument',
    '3:1 unexpected-block',
    '4:9 bad-path',
    '5:9 bad-path',
  ])
})

test('a path may be substituted, and files read for it are listed', () => {
  const { document, diagnostics } = readDocument(
    { path: '/etc/s/main.conf' },
    filesOf({ '/etc/s/main.conf': `include \${env:DIR}/*.conf;`, '/x/y.conf': 'y;' }, { env: { DIR: '/x' } }),
  )
  assert.deepEqual(diagnostics, [])
  assert.deepEqual(outlineOf(document.statements), [['y']])
})

test('a secret is no path, and is not printed', () => {
  const { diagnostics } = read({ '/etc/s/main.conf': `include \${file:key};`, '/etc/s/key': 'hunter2' })
  assert.deepEqual(codesOf(diagnostics), ['1:9 bad-path'])
  assert.doesNotMatch(formatDiagnostics(diagnostics, { color: false }), /hunter2/)
})

test('a text that is in no file can be read too', () => {
  const entry = { name: '(built-in)', text: 'a;', includedFrom: [] }
  assert.deepEqual(outlineOf(readDocument(entry, filesOf({})).document.statements), [['a']])
})

test('real files: globs skip hidden files, a folder and a device are refused', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'shellac-include-'))
  context.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'conf.d'))
  writeFileSync(join(folder, 'conf.d/b.conf'), 'b;')
  writeFileSync(join(folder, 'conf.d/a.conf'), 'a;')
  writeFileSync(join(folder, 'conf.d/.a.conf.swp'), '\0')
  writeFileSync(join(folder, 'conf.d/.hidden.conf'), 'h;')
  writeFileSync(join(folder, 'main.conf'), 'include conf.d/*.conf; include conf.d; include /dev/null; include latin1;')
  writeFileSync(join(folder, 'latin1'), Buffer.from([0x61, 0xe9]))
  const { document, diagnostics } = readDocument({ path: join(folder, 'main.conf') }, realFileAccess)
  assert.deepEqual(outlineOf(document.statements), [['a'], ['b']])
  assert.deepEqual(
    diagnostics.map(({ message }) => message.replace(/^.*: /, '')),
    ['it is a directory', 'it is not a regular file', 'it is not text in UTF-8'],
  )
})
