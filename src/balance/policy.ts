/** What a selection policy is: the choice among servers that all may be used. Health and backups are not its business. */
export interface Policy {
  /**
   * The server to send the next request to, an index of `candidates`; -1 when no candidate is set.
   * `candidates[i]` is 1 when server i may be selected, else 0; the array is the caller's and is not kept.
   */
  select(candidates: Uint8Array): number
}
