import { parentPort } from 'node:worker_threads'
import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import * as common from '@zxcvbn-ts/language-common'
import * as english from '@zxcvbn-ts/language-en'

export interface StrengthQuestion {
  /** UTF-8; wiped here once it has been judged. */
  readonly password: Uint8Array
  /** What somebody who knows her would try first. */
  readonly inputs: readonly string[]
}

export interface Strength {
  /** 0 (a first guess) to 4. */
  readonly score: number
  /** What is weak about it, in words; null when nothing is. */
  readonly warning: string | null
}

const zxcvbn = new ZxcvbnFactory({
  dictionary: { ...common.dictionary, ...english.dictionary },
  graphs: common.adjacencyGraphs,
  translations: english.translations,
})

parentPort?.on('message', ({ password, inputs }: StrengthQuestion) => {
  const text = Buffer.from(password.buffer, password.byteOffset, password.length).toString('utf8')
  password.fill(0)
  parentPort?.postMessage(measure(text, inputs))
})

/**
 * A word she is known by is worth a single character, however long it is: zxcvbn counts several of
 * them in a row as hard to guess.
 */
function measure(text: string, inputs: readonly string[]): Strength {
  const whole = zxcvbn.check(text, [...inputs])
  const known = [...inputs].sort((a, b) => b.length - a.length)
  const rest = known.reduce((left, word) => left.replaceAll(wordPattern(word), '.'), text)
  const without = rest === text ? whole : zxcvbn.check(rest, [...inputs])
  if (without.score >= whole.score)
    return { score: whole.score, warning: whole.feedback.warning ?? null }
  return { score: without.score, warning: OWN_WORDS }
}

const OWN_WORDS =
  'Names, numbers and words that belong to you or your organization are tried first.'

function wordPattern(word: string): RegExp {
  return new RegExp(word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'giu')
}
