/** Code points with canonical combining class 9 (Virama), Unicode 15. */
const virama =
  /[\u{94d}\u{9cd}\u{a4d}\u{acd}\u{b4d}\u{bcd}\u{c4d}\u{ccd}\u{d3b}\u{d3c}\u{d4d}\u{dca}\u{e3a}\u{eba}\u{f84}\u{1039}\u{103a}\u{1714}\u{1715}\u{1734}\u{17d2}\u{1a60}\u{1b44}\u{1baa}\u{1bab}\u{1bf2}\u{1bf3}\u{2d7f}\u{a806}\u{a82c}\u{a8c4}\u{a953}\u{a9c0}\u{aaf6}\u{abed}\u{10a3f}\u{11046}\u{11070}\u{1107f}\u{110b9}\u{11133}\u{11134}\u{111c0}\u{11235}\u{112ea}\u{1134d}\u{11442}\u{114c2}\u{115bf}\u{1163f}\u{116b6}\u{1172b}\u{11839}\u{1193d}\u{1193e}\u{119e0}\u{11a34}\u{11a47}\u{11a99}\u{11c3f}\u{11d44}\u{11d45}\u{11d97}\u{11f41}\u{11f42}]/u

/**
 * Letters that may join. The joining types themselves are no property of JavaScript's expressions;
 * a letter of a cursive script on both sides is what the rule's expression amounts to in words
 * people write, and errs on the side of taking a password.
 */
const joining =
  /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Nko}\p{Script=Phags_Pa}\p{Script=Mandaic}\p{Script=Manichaean}\p{Script=Adlam}\p{Script=Hanifi_Rohingya}\p{Script=Sogdian}]/u
const kana = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u
const arabicIndic = /^[\u{660}-\u{669}]$/u
const extendedArabicIndic = /^[\u{6f0}-\u{6f9}]$/u

/**
 * Whether the code point at `at` may stand where it stands: the contextual rules of RFC 5892
 * appendix A, to which RFC 8264 §4.3.3 points. Only for code points that need a context.
 */
export function isAllowedInContext(points: readonly string[], at: number): boolean {
  const point = points[at] ?? ''
  const before = points[at - 1] ?? ''
  const after = points[at + 1] ?? ''
  switch (point.codePointAt(0)) {
    case 0x200c: // A.1 ZERO WIDTH NON-JOINER
      return virama.test(before) || (joining.test(before) && joining.test(after))
    case 0x200d: // A.2 ZERO WIDTH JOINER
      return virama.test(before)
    case 0xb7: // A.3 MIDDLE DOT, as in Catalan
      return before === 'l' && after === 'l'
    case 0x375: // A.4 GREEK LOWER NUMERAL SIGN
      return /\p{Script=Greek}/u.test(after)
    case 0x5f3: // A.5, A.6 HEBREW PUNCTUATION GERESH and GERSHAYIM
    case 0x5f4:
      return /\p{Script=Hebrew}/u.test(before)
    case 0x30fb: // A.7 KATAKANA MIDDLE DOT
      return points.some((other) => other !== point && kana.test(other))
    default: // A.8, A.9: the two sets of digits do not mix
      return arabicIndic.test(point)
        ? !points.some((other) => extendedArabicIndic.test(other))
        : !points.some((other) => arabicIndic.test(other))
  }
}
