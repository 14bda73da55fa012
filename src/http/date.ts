/**
 * HTTP dates (RFC 9110 §5.6.7): written as IMF-fixdate, read in all three forms.
 *
 *     Sun, 06 Nov 1994 08:49:37 GMT      IMF-fixdate
 *     Sunday, 06-Nov-94 08:49:37 GMT     RFC 850
 *     Sun Nov  6 08:49:37 1994           asctime
 *
 * Reading is by position: a date that is off by one character is no date. Letter case is the only liberty (origins send
 * "gmt"); a wrong weekday name is refused only if it is none at all, as every cache does.
 */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const LONG_DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

const IMF_LENGTH = 29
const ASCTIME_LENGTH = 24
/** RFC 850 behind the weekday and its comma: " 06-Nov-94 08:49:37 GMT". */
const RFC_850_TAIL_LENGTH = 23
/** RFC 9110 §5.6.7: a two-digit year more than this far in the future is of the past century. */
const RFC_850_FUTURE_YEARS = 50

let writtenSecond = Number.NaN
let writtenText = ''

/** `ms` since 1970 as IMF-fixdate. The text is kept for the rest of its second, since answers of a second share it. */
export function httpDate(ms: number): string {
  const second = Math.floor(ms / 1000)
  if (second !== writtenSecond) {
    writtenSecond = second
    writtenText = new Date(second * 1000).toUTCString()
  }
  return writtenText
}

/**
 * Milliseconds since 1970 of an HTTP date in any of its forms and any letter case; undefined for anything else.
 * `nowMs` is what the two-digit years of RFC 850 are completed by; without it, the clock of the machine.
 */
export function parseHttpDate(text: string, nowMs?: number): number | undefined {
  const lower = text.toLowerCase()
  if (lower.length === IMF_LENGTH && lower.charAt(3) === ',') return parseImfFixdate(lower)
  if (lower.length === ASCTIME_LENGTH && lower.charAt(3) === ' ') return parseAsctime(lower)
  const comma = lower.indexOf(',')
  if (comma < 0 || lower.length - comma - 1 !== RFC_850_TAIL_LENGTH) return undefined
  return parseRfc850(lower, comma, nowMs ?? Date.now())
}

/** `sun, 06 nov 1994 08:49:37 gmt` */
function parseImfFixdate(text: string): number | undefined {
  if (!DAYS.includes(text.slice(0, 3)) || text.slice(3, 5) !== ', ' || text.slice(25) !== ' gmt') return undefined
  if (text.charAt(7) !== ' ' || text.charAt(11) !== ' ' || text.charAt(16) !== ' ') return undefined
  return toMs(digits(text, 12, 16), text.slice(8, 11), digits(text, 5, 7), timeOfDay(text, 17))
}

/** `sunday, 06-nov-94 08:49:37 gmt` */
function parseRfc850(text: string, comma: number, nowMs: number): number | undefined {
  const at = comma + 2
  if (!LONG_DAYS.includes(text.slice(0, comma)) || text.charAt(comma + 1) !== ' ') return undefined
  if (text.charAt(at + 2) !== '-' || text.charAt(at + 6) !== '-' || text.charAt(at + 9) !== ' ') return undefined
  if (text.slice(at + 18) !== ' gmt') return undefined
  const shortYear = digits(text, at + 7, at + 9)
  if (shortYear === -1) return undefined
  const thisYear = new Date(nowMs).getUTCFullYear()
  let year = thisYear - (thisYear % 100) + shortYear
  if (year > thisYear + RFC_850_FUTURE_YEARS) year -= 100
  return toMs(year, text.slice(at + 3, at + 6), digits(text, at, at + 2), timeOfDay(text, at + 10))
}

/** `sun nov  6 08:49:37 1994`, the day padded with a space or a zero. */
function parseAsctime(text: string): number | undefined {
  if (!DAYS.includes(text.slice(0, 3)) || text.charAt(7) !== ' ' || text.charAt(10) !== ' ') return undefined
  if (text.charAt(19) !== ' ') return undefined
  const day = text.charAt(8) === ' ' ? digits(text, 9, 10) : digits(text, 8, 10)
  return toMs(digits(text, 20, 24), text.slice(4, 7), day, timeOfDay(text, 11))
}

/** Decimal number of the characters from `start` up to `end`; -1 if one is no digit. */
function digits(text: string, start: number, end: number): number {
  let number = 0
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (!(digit >= 0 && digit <= 9)) return -1
    number = number * 10 + digit
  }
  return number
}

/** Seconds of "hh:mm:ss" at `at`, -1 if it is no time. 60 is a leap second (RFC 9110 §5.6.7). */
function timeOfDay(text: string, at: number): number {
  if (text.charAt(at + 2) !== ':' || text.charAt(at + 5) !== ':') return -1
  const hour = digits(text, at, at + 2)
  const minute = digits(text, at + 3, at + 5)
  const second = digits(text, at + 6, at + 8)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return -1
  return (hour * 60 + minute) * 60 + second
}

function toMs(year: number, monthName: string, day: number, secondOfDay: number): number | undefined {
  const month = MONTHS.indexOf(monthName)
  if (year < 0 || month < 0 || day < 1 || secondOfDay < 0) return undefined
  const date = new Date(0)
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(year, month, day)
  // The 31st of a month with 30 days rolls over into the next.
  if (date.getUTCMonth() !== month) return undefined
  return date.getTime() + secondOfDay * 1000
}
