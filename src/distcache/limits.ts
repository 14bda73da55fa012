/** The sizes and bounds of the protocol, and those of the original programs where they are a promise to their users. */

/** Before the data of each frame. */
export const FRAME_HEADER_BYTES = 14
/** Most data in one frame; every frame but the last of a message has exactly this much. */
export const FRAME_DATA_BYTES = 2048
/** Most payload in one message: 16 full frames. */
export const MESSAGE_BYTES = 32_768
/** A message of the largest payload with the headers of its frames. */
export const MESSAGE_WIRE_BYTES = MESSAGE_BYTES + (MESSAGE_BYTES / FRAME_DATA_BYTES) * FRAME_HEADER_BYTES

/** In front of id and data in an ADD: timeout and length of the id. */
export const ADD_PREFIX_BYTES = 8
/** Longest id that can be stored. */
export const ID_BYTES = 64
/** Longest life of a session: seven days. */
export const MAX_TIMEOUT_MS = 604_800_000
/** Clients take a GET response below this for the code of a miss. */
export const MIN_DATA_BYTES = 5

export const MIN_SESSIONS = 64
export const MAX_SESSIONS = 60_000
export const DEFAULT_SESSIONS = 512

/**
 * Whether a message of so much payload is misread by original programs when it comes in one piece: they read into 4096 bytes,
 * and count a frame complete four bytes too early, which the last frame of such a message is cut to.
 */
export function needsCare(payloadBytes: number): boolean {
  const rest = payloadBytes % FRAME_DATA_BYTES
  return payloadBytes > FRAME_DATA_BYTES && rest >= 2021 && rest <= 2024
}

/** How long before the last frame of such a message is sent: the peer has read the others by then. */
export const CARE_MS = 5
