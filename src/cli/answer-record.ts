import type { ExplainedAnswer } from '../admin/routes/log.ts'
import type { Output } from './print.ts'

/** One try as some lines: who, how, where, and for a denial the step that failed and what to do. */
export function printAnswer(out: Output, answer: ExplainedAnswer): void {
  const { explanation, reason } = answer
  out.write(
    `${[answer.at, outcomeOf(answer), whoOf(answer), answer.method, answer.resource].join('  ')}\n`,
  )
  const where = describePlace(answer)
  if (where !== '') out.write(`    ${where}\n`)
  if (reason === null) return
  const why = textOf(answer, 'why') ?? textOf(answer, 'code')
  const step = explanation === null ? '' : `at ${explanation.step}: `
  out.write(`    ${step}${reason}${why === null ? '' : ` (${why})`}\n`)
  if (explanation !== null) out.write(`    to mend it: ${explanation.mend}\n`)
}

function outcomeOf({ outcome, count }: ExplainedAnswer): string {
  return count === 1 ? outcome : `${outcome} ${count} times`
}

function whoOf({ person, name }: ExplainedAnswer): string {
  if (person === null) return name === '' ? 'nobody named' : `"${name}"`
  return name === person || name === '' ? person : `${person} (as "${name}")`
}

function describePlace(answer: ExplainedAnswer): string {
  const nas = textOf(answer, 'nas')
  const parts: readonly (string | null)[] = [
    labelled('device', answer.device),
    nas === null ? `from ${answer.address}` : `NAS ${nas} (${answer.address})`,
    labelled('SSID', textOf(answer, 'ssid')),
    labelled('at', textOf(answer, 'nasIdentifier')),
    describeTls(answer),
    labelled('realm', textOf(answer, 'realm')),
    labelled('home server', textOf(answer, 'server')),
    labelled('with', textOf(answer, 'credentialLabel')),
    labelled('group', textOf(answer, 'group')),
    labelled('VLAN', textOf(answer, 'vlan')),
  ]
  return parts.filter((part) => part !== null).join(', ')
}

function describeTls(answer: ExplainedAnswer): string | null {
  const tls = labelled('TLS', textOf(answer, 'tls'))
  return answer.detail?.['resumed'] === true ? `${tls ?? 'TLS'} resumed` : tls
}

function labelled(label: string, value: string | null): string | null {
  return value === null ? null : `${label} ${value}`
}

function textOf({ detail }: ExplainedAnswer, key: string): string | null {
  const value = detail?.[key]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null
}
