import t from 'tap'
import { DeviceLimit, deviceOf } from '../../../src/gateway/radius/device-limit.ts'

function makeLimit(maxDevices?: number) {
  const clock = { nowMs: 0 }
  return { clock, limit: new DeviceLimit(() => clock.nowMs, maxDevices) }
}

t.test('twenty failures are free, then one in ten seconds, and it ends by itself', async (t) => {
  const { clock, limit } = makeLimit()
  for (let failures = 0; failures < 20; failures++) {
    t.notOk(limit.isLimited('phone'))
    limit.countFailure('phone')
  }
  t.ok(limit.isLimited('phone'))
  t.notOk(limit.isLimited('laptop'))
  clock.nowMs += 10_000
  t.notOk(limit.isLimited('phone'))
  limit.countFailure('phone')
  t.ok(limit.isLimited('phone'))
  clock.nowMs += 200_000
  for (let failures = 0; failures < 20; failures++) limit.countFailure('phone')
  t.ok(limit.isLimited('phone'), 'all twenty were free again')
})

t.test('being in forgives all; a fault of ours was none of the device', async (t) => {
  const { limit } = makeLimit()
  for (let failures = 0; failures < 20; failures++) limit.countFailure('phone')
  limit.takeBack('phone')
  t.notOk(limit.isLimited('phone'))
  limit.countFailure('phone')
  t.ok(limit.isLimited('phone'))
  limit.forgive('phone')
  t.notOk(limit.isLimited('phone'))
  limit.takeBack('phone')
  t.equal(limit.size, 0)
})

t.test('the record tells once a minute, of all refusals', async (t) => {
  const { clock, limit } = makeLimit()
  for (let failures = 0; failures < 20; failures++) limit.countFailure('phone')
  t.equal(limit.countRefusal('phone'), 1)
  t.equal(limit.countRefusal('phone'), 0)
  t.equal(limit.countRefusal('phone'), 0)
  clock.nowMs += 60_000
  limit.countFailure('phone')
  t.equal(limit.countRefusal('phone'), 3, 'failures in between change nothing')
})

t.test('a flood of invented devices holds so many, and only so long', async (t) => {
  const { clock, limit } = makeLimit(100)
  for (let at = 0; at < 1_000; at++) limit.countFailure(`device ${at}`)
  t.equal(limit.size, 100)
  clock.nowMs += 10_000
  limit.countFailure('phone')
  t.equal(limit.size, 1)
})

t.test('counted by device, name and NAS; one without a device by nothing', async (t) => {
  const facts = { ssid: null, nasIdentifier: null, portType: null, device: '02:11:22:33:44:55' }
  const at = { address: '192.0.2.1', facts }
  t.equal(deviceOf(at, 'Alice'), deviceOf(at, 'alice'))
  t.not(deviceOf(at, 'alice'), deviceOf(at, 'bob'))
  t.not(deviceOf(at, 'alice'), deviceOf({ ...at, address: '192.0.2.2' }, 'alice'))
  t.not(deviceOf(at, 'alice'), deviceOf({ ...at, facts: { ...facts, device: 'x' } }, 'alice'))
  t.equal(deviceOf({ ...at, facts: { ...facts, device: null } }, 'alice'), null)
  t.ok((deviceOf(at, 'a'.repeat(10_000)) ?? '').length < 200)
})
