/** Words from elsewhere, without what could steer a terminal or turn the text around. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
}
