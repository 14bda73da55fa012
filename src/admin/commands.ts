/** What the daemon does for the admin socket: one record per command, so that help, errors and the server read one table. */
import { AdminFailure, type AdminRequest } from './protocol.ts'

export interface AdminCommand {
  readonly name: string
  readonly doc: string
  /** The result is sent as JSON; an AdminFailure as its code and message. */
  readonly run: (given: AdminRequest['arguments']) => unknown
}

export class CommandTable {
  readonly #commands: ReadonlyMap<string, AdminCommand>

  constructor(commands: readonly AdminCommand[]) {
    this.#commands = new Map(commands.map((command) => [command.name, command]))
  }

  /** Resolves with the result; rejects with an AdminFailure `unknown-command`, or with what the command threw. */
  async run(request: AdminRequest): Promise<unknown> {
    const command = this.#commands.get(request.command)
    if (command === undefined) {
      const known = [...this.#commands.keys()].map((name) => `"${name}"`).join(', ')
      throw new AdminFailure('unknown-command', `unknown command "${request.command}"; this daemon knows ${known}`)
    }
    return await command.run(request.arguments)
  }
}
