/** What each signal means to the daemon. */

export interface SignalActions {
  readonly reload: () => void
  readonly reopenLogs: () => void
  readonly stop: (signal: string) => void
}

export class SignalTable {
  readonly #handlers: readonly (readonly [NodeJS.Signals, () => void])[]

  constructor(actions: SignalActions) {
    this.#handlers = [
      ['SIGHUP', actions.reload],
      // Node would start its debugger without a handler.
      ['SIGUSR1', actions.reopenLogs],
      ['SIGTERM', () => actions.stop('SIGTERM')],
      ['SIGINT', () => actions.stop('SIGINT')],
      ['SIGQUIT', () => actions.stop('SIGQUIT')],
      // Writing to a closed pipe is an error of that write (EPIPE), not the end of the process.
      ['SIGPIPE', () => {}],
    ]
  }

  /** Returns what takes the handlers away again. */
  install(): () => void {
    for (const [signal, handler] of this.#handlers) process.on(signal, handler)
    return () => {
      for (const [signal, handler] of this.#handlers) process.off(signal, handler)
    }
  }
}
