import t from 'tap'
import { showNas } from '../../../src/admin/nas-view.ts'
import { aNas } from '../../support/directory.ts'

t.test('NAS: who is still on the old secret, and what to do about it', async (t) => {
  const secrets = [Buffer.from('new-secret'), Buffer.from('old-secret')]
  const oldSecretsUntilMs = Date.UTC(2026, 11, 1)
  const nas = aNas({ name: 'ap', secrets, secretNo: 5, oldSecretsUntilMs })
  const use = (address: string, secretNo: number, atMs: number) => ({
    nasId: nas.id,
    secretNo,
    address,
    atMs,
  })
  t.match(showNas(nas, []).hint, /not heard since the rotation/)
  const shown = showNas(nas, [
    use('192.0.2.1', 4, 2_000),
    use('192.0.2.2', 4, 1_000),
    use('192.0.2.2', 5, 3_000),
    { ...use('192.0.2.3', 4, 9_000), nasId: aNas().id },
  ])
  t.same(shown.onOldSecret, [{ address: '192.0.2.1', lastAt: '1970-01-01T00:00:02.000Z' }])
  t.equal(
    shown.hint,
    '192.0.2.1 still used the old secret, which ends at 2026-12-01T00:00:00.000Z: put the new one there',
  )
  t.match(showNas(nas, [use('192.0.2.2', 5, 1)]).hint, /nas end-rotation ap/)
  t.equal(showNas(aNas(), []).hint, null, 'no rotation, nothing to say')
  t.notMatch(JSON.stringify(shown), /secret"?:"?(new|old)-secret/)
})
