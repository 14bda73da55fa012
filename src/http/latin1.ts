/** Bytes to text, one letter per byte. */

interface Latin1Source {
  latin1Slice(start: number, end: number): string
}

/**
 * Text of bytes[start] up to bytes[end]. `latin1Slice` is a method of every Buffer that the type definitions do not list;
 * `toString('latin1', ...)` ends there too, after 50 ns of looking at its arguments.
 */
export function latin1Text(bytes: Buffer, start: number, end: number): string {
  return (bytes as Buffer & Latin1Source).latin1Slice(start, end)
}
