/** POSIX-safe and what most tools accept without a switch: 32 octets, as useradd has it. */
export const USERNAME_PATTERN = /^[a-z][a-z0-9._-]{0,31}$/
export const USERNAME_MAX = 32
export const GROUP_NAME_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/
export const GROUP_NAME_MAX = 64

/** Letters whose usual spelling in ASCII is not their base letter, or that have none. */
const SPELLINGS: Readonly<Record<string, string>> = {
  ä: 'ae',
  ö: 'oe',
  ü: 'ue',
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  å: 'a',
  ð: 'd',
  þ: 'th',
  đ: 'd',
  ħ: 'h',
  ı: 'i',
  ĸ: 'k',
  ł: 'l',
  ŋ: 'n',
  ŧ: 't',
  ə: 'e',
  ƒ: 'f',
  а: 'a',
  б: 'b',
  в: 'v',
  г: 'g',
  д: 'd',
  е: 'e',
  ё: 'yo',
  ж: 'zh',
  з: 'z',
  и: 'i',
  й: 'y',
  к: 'k',
  л: 'l',
  м: 'm',
  н: 'n',
  о: 'o',
  п: 'p',
  р: 'r',
  с: 's',
  т: 't',
  у: 'u',
  ф: 'f',
  х: 'kh',
  ц: 'ts',
  ч: 'ch',
  ш: 'sh',
  щ: 'shch',
  ъ: '',
  ы: 'y',
  ь: '',
  э: 'e',
  ю: 'yu',
  я: 'ya',
  є: 'ye',
  і: 'i',
  ї: 'yi',
  ґ: 'g',
  ў: 'u',
  ђ: 'dj',
  ј: 'j',
  љ: 'lj',
  њ: 'nj',
  ћ: 'c',
  џ: 'dz',
  ѓ: 'g',
  ќ: 'k',
  ѕ: 'dz',
  α: 'a',
  β: 'v',
  γ: 'g',
  δ: 'd',
  ε: 'e',
  ζ: 'z',
  η: 'i',
  θ: 'th',
  ι: 'i',
  κ: 'k',
  λ: 'l',
  μ: 'm',
  ν: 'n',
  ξ: 'x',
  ο: 'o',
  π: 'p',
  ρ: 'r',
  σ: 's',
  ς: 's',
  τ: 't',
  υ: 'y',
  φ: 'f',
  χ: 'ch',
  ψ: 'ps',
  ω: 'o',
}

/**
 * Prepares a username as RFC 8265 §3.3 does (UsernameCaseMapped): width and case mapped, composed,
 * nothing outside IdentifierClass. Null when the text is none.
 */
export function prepareUsername(text: string): string | null {
  const mapped = mapWidth(text).toLowerCase().normalize('NFC')
  return USERNAME_PATTERN.test(mapped) ? mapped : null
}

/** RFC 8265 §3.3.1: full-width and half-width characters become what they stand for. */
function mapWidth(text: string): string {
  return text.replace(/[\uff01-\uffef\u3000]/gu, (character) => character.normalize('NFKC'))
}

/** Lower-case ASCII spelling, as far as there is one; other characters are left out. */
export function transliterate(text: string): string {
  let spelled = ''
  for (const letter of mapWidth(text).normalize('NFC').toLowerCase()) {
    const known = SPELLINGS[letter]
    spelled += known ?? letter.normalize('NFKD').replace(/\p{M}/gu, '')
  }
  let ascii = ''
  for (const letter of spelled) ascii += SPELLINGS[letter] ?? (letter < '\u0080' ? letter : '')
  return ascii
}

/** What a person is called where a username is to be made from. */
export interface NameHints {
  readonly userPrincipalName: string | null
  readonly mail: string | null
  readonly displayName: string | null
}

/**
 * The username to propose, before it is made unique: the local part of the UPN, else of the mail
 * address, else the display name.
 *
 * @param fallback what to use when none of them gives a letter; it must be a username itself
 */
export function usernameBase(hints: NameHints, fallback: string): string {
  const sources = [localPart(hints.userPrincipalName), localPart(hints.mail), hints.displayName]
  for (const source of sources) {
    const made = source === null ? '' : toUsername(source)
    if (made !== '') return made
  }
  return fallback
}

function localPart(address: string | null): string | null {
  if (address === null) return null
  // A guest's UPN is name_domain#EXT#@tenant: the home address with its @ replaced.
  const [local = ''] = address.replace(/#EXT#@.*$/i, '').split('@')
  return local
}

function toUsername(text: string): string {
  return transliterate(text)
    .replace(/['’`]/g, '')
    .replace(/[^a-z0-9._-]+/g, '.')
    .replace(/([._-])[._-]+/g, '$1')
    .replace(/^[^a-z]+/, '')
    .slice(0, USERNAME_MAX)
    .replace(/[._-]+$/, '')
}

/** The cn to propose for a group, before it is made unique. */
export function groupNameBase(displayName: string | null, fallback: string): string {
  const made = transliterate(displayName ?? '')
    .replace(/['’`]/g, '')
    .replace(/&/g, ' and ')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/-{2,}/g, '-')
    .replace(/^[._-]+/, '')
    .slice(0, GROUP_NAME_MAX)
    .replace(/[._-]+$/, '')
  return made === '' ? fallback : made
}

/**
 * The nth form of a base name: itself, then `base2`, `base3` …, cut so that the number fits.
 *
 * @param n 1 or more
 * @param maxLength of the whole name
 */
export function numberedName(base: string, n: number, maxLength: number): string {
  if (n === 1) return base
  const suffix = String(n)
  return base.slice(0, maxLength - suffix.length).replace(/[._-]+$/, '') + suffix
}

/** A fallback that is stable for an object of a source, and a username in itself. */
export function fallbackName(prefix: string, externalId: string): string {
  const tail = externalId
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .slice(0, 8)
  return `${prefix}-${tail === '' ? '0' : tail}`
}

export interface NameRequest {
  readonly base: string
  readonly maxLength: number
}

/** Candidates looked up at once for each name; more each time, as most names are free at once. */
const LOOK_AHEAD = 4
const LOOK_FURTHER = 8

/**
 * Gives each request a name nobody has: its base, or the base with the lowest free number. Requests
 * are served in their order, so the result is the same whenever the same names are taken.
 *
 * @param findTaken of the given names, those in use or in quarantine
 */
export async function chooseNames(
  requests: readonly NameRequest[],
  findTaken: (names: readonly string[]) => Promise<ReadonlySet<string>>,
): Promise<readonly string[]> {
  const chosen: (string | null)[] = requests.map(() => null)
  const used = new Set<string>()
  let from = 1
  let count = LOOK_AHEAD
  while (chosen.includes(null)) {
    const open = requests.map((request, at) =>
      chosen[at] === null ? candidates(request, from, count) : [],
    )
    const taken = await findTaken([...new Set(open.flat())])
    for (const [at, names] of open.entries()) {
      const free = names.find((name) => !taken.has(name) && !used.has(name))
      if (free === undefined || chosen[at] !== null) continue
      chosen[at] = free
      used.add(free)
    }
    from += count
    count *= LOOK_FURTHER
  }
  return chosen.map((name) => name ?? '')
}

function candidates(request: NameRequest, from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) =>
    numberedName(request.base, from + i, request.maxLength),
  )
}
