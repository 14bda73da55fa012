/**
 * Bytes that only those can read, and nobody can change, who know a secret of the fleet. They look like this:
 *
 *     0    1          2          18                  n - 16
 *     'S'  version 1  salt (16)  ciphertext          tag (16)
 *
 * AES-256-GCM; key and nonce of each are made from a random salt, as HMAC-SHA-512 (box key, salt): 32 bytes of key, 12 of nonce.
 * A nonce of GCM alone is too short to be drawn at random as often as a fleet stores sessions; 16 bytes of salt are not. The two
 * bytes in front and a context that both sides know (such as the id of the session) are authenticated with it, so that what was
 * sealed for one place is not accepted in another.
 *
 * Keys come from the secret by HKDF-SHA-256 (RFC 5869) with a purpose, so that what is sealed for one purpose is noise for
 * all others.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomFillSync } from 'node:crypto'

const MAGIC = 0x53
const VERSION = 1
const SALT_BYTES = 16
const HEAD_BYTES = 2 + SALT_BYTES
const TAG_BYTES = 16
const KEY_BYTES = 32
const NONCE_BYTES = 12
/** What sealing adds. */
export const SEAL_BYTES = HEAD_BYTES + TAG_BYTES
/** Shorter secrets can be guessed: 16 bytes are 128 bits at best. */
export const MIN_SECRET_BYTES = 16

/** Salts come from the kernel so many at a time; a call for each costs as much as the cipher. */
const SALTS = 64

/** A key of 32 bytes for one purpose. `secret` has at least MIN_SECRET_BYTES. */
export function deriveKey(secret: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'shellac', purpose, KEY_BYTES))
}

export class SealedBox {
  readonly #key: Buffer
  readonly #salts = Buffer.alloc(SALTS * SALT_BYTES)
  #saltAt = SALTS * SALT_BYTES

  constructor(secret: Buffer, purpose: string) {
    this.#key = deriveKey(secret, purpose)
  }

  /** A new Buffer, SEAL_BYTES longer than `plain`. */
  seal(context: Buffer, plain: Buffer): Buffer {
    const sealed = Buffer.allocUnsafeSlow(SEAL_BYTES + plain.length)
    sealed[0] = MAGIC
    sealed[1] = VERSION
    this.#putSalt(sealed)
    const material = this.#material(sealed)
    const cipher = createCipheriv('aes-256-gcm', material.subarray(0, KEY_BYTES), nonceOf(material))
    cipher.setAAD(aad(sealed, context))
    const length = cipher.update(plain).copy(sealed, HEAD_BYTES)
    cipher.final()
    cipher.getAuthTag().copy(sealed, HEAD_BYTES + length)
    material.fill(0)
    return sealed
  }

  /** A new Buffer; undefined when it was sealed with another secret, for another purpose or context, or is damaged. */
  open(context: Buffer, sealed: Buffer): Buffer | undefined {
    if (sealed.length < SEAL_BYTES || sealed[0] !== MAGIC || sealed[1] !== VERSION) return undefined
    const material = this.#material(sealed)
    const decipher = createDecipheriv('aes-256-gcm', material.subarray(0, KEY_BYTES), nonceOf(material), {
      authTagLength: TAG_BYTES,
    })
    material.fill(0)
    decipher.setAAD(aad(sealed, context))
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
    const plain = decipher.update(sealed.subarray(HEAD_BYTES, sealed.length - TAG_BYTES))
    try {
      decipher.final()
      return plain
    } catch {
      plain.fill(0)
      return undefined
    }
  }

  #putSalt(sealed: Buffer): void {
    if (this.#saltAt === this.#salts.length) {
      randomFillSync(this.#salts)
      this.#saltAt = 0
    }
    this.#salts.copy(sealed, 2, this.#saltAt, this.#saltAt + SALT_BYTES)
    this.#salts.fill(0, this.#saltAt, this.#saltAt + SALT_BYTES)
    this.#saltAt += SALT_BYTES
  }

  /** Key and nonce of one box. */
  #material(sealed: Buffer): Buffer {
    return createHmac('sha512', this.#key).update(sealed.subarray(2, HEAD_BYTES)).digest()
  }
}

function nonceOf(material: Buffer): Buffer {
  return material.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES)
}

function aad(sealed: Buffer, context: Buffer): Buffer {
  return Buffer.concat([sealed.subarray(0, 2), context])
}
