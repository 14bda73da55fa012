/** What is known of every key: the generation last sent to be stored, and the last one a server said it has stored. */
export class Ledger {
  readonly sent: Uint32Array
  readonly stored: Uint32Array

  constructor(keys: number) {
    this.sent = new Uint32Array(keys)
    this.stored = new Uint32Array(keys)
  }
}
