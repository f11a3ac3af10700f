import t from 'tap'
import type { ExplainedAnswer } from '../../../src/admin/routes/log.ts'
import { printAnswer } from '../../../src/cli/answer-record.ts'

function show(detail: ExplainedAnswer['detail']): string {
  let text = ''
  const write = (more: string) => {
    text += more
  }
  const at = '2026-11-29T08:00:00.000Z'
  const answer: ExplainedAnswer = {
    id: '1',
    at,
    lastAt: at,
    count: 1,
    outcome: 'success',
    reason: null,
    resource: 'network corp',
    method: 'eap-ttls-pap',
    person: 'alice',
    name: 'alice',
    address: '192.0.2.7',
    device: '02:11:22:33:44:55',
    detail,
    explanation: null,
  }
  printAnswer({ isJson: false, write }, answer)
  return text.split('\n')[1] ?? ''
}

t.test('a try in full names its TLS, and whether its session was resumed', async (t) => {
  const where = '    device 02:11:22:33:44:55, NAS ap-1 (192.0.2.7)'
  t.equal(show({ nas: 'ap-1', tls: '1.2' }), `${where}, TLS 1.2`)
  t.equal(show({ nas: 'ap-1', tls: '1.3', resumed: true }), `${where}, TLS 1.3 resumed`)
  t.equal(show({ nas: 'ap-1' }), where)
  t.equal(show({ nas: 'ap-1', tls: true }), where, 'an LDAP connection under some TLS')
})
