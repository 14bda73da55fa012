/** `shellac version`. */
import { EXIT_OK } from '../../daemon/exit-codes.ts'
import { VERSION } from '../../util/version.ts'
import type { Command } from '../command.ts'

export const version: Command = {
  name: 'version',
  operands: '',
  maxOperands: 0,
  options: [],
  doc: 'print the version of Shellac and of the Node it runs on',
  run: ({ terminal }) => {
    terminal.out(`shellac ${VERSION} (node ${process.versions.node})\n`)
    return EXIT_OK
  },
}
