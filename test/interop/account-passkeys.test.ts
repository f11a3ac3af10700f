import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { linkIn, Visitor } from '../support/account-visitor.ts'
import { barriers, openWindow, overflow, startBrowser } from '../support/browser.ts'
import { startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { connectionOf, Microsoft365Bench } from '../support/microsoft365.ts'
import { withTools } from '../support/tools.ts'

const PASSWORD = 'Nine purple owls sing'

await withTools(t, { name: 'passkeys in Chromium', tools: ['chromium'] }, async (t) => {
  const { folder, env } = await databaseFor(t, 'account-passkeys')
  const bench = await Microsoft365Bench.startFor(t, { people: 20, seed: 1 })
  const { api, address } = await startDaemonProcess(t, {
    dataDir: join(folder, 'data'),
    env,
    args: ['--migrate'],
  })
  const origin = `http://${address('http').replace('127.0.0.1', 'localhost')}`
  await api.send('POST', '/sources/microsoft365', connectionOf(bench.simulator))
  await api.send('POST', '/sources/contoso/sync', {})
  const browser = await startBrowser(t)

  const titled = (page: Page, title: string) => page.getByRole('heading', { name: title }).waitFor()
  const look = async (t: Test, page: Page, name: string) => {
    t.same(await barriers(page), [], name)
    t.equal(await overflow(page), 0, `${name} fits the window`)
  }

  async function givePassword(name: string): Promise<void> {
    const path = `/people/${name}/activation-link`
    const { link } = await api.send<{ link: string }>('POST', path, { mail: false })
    const visitor = new Visitor(origin)
    const token = new URL(link).searchParams.get('token') ?? ''
    await visitor.open(linkIn(link))
    await visitor.submit('/account/activate', { token })
    await visitor.choosePassword(PASSWORD)
  }

  async function signIn(page: Page, name: string): Promise<void> {
    await page.goto(`${origin}/account/sign-in`)
    await page.getByLabel('User name').fill(name)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(`${origin}/account/home`)
  }

  /** A phone or computer of its own, whose owner it knows by a finger. */
  async function plugIn(context: BrowserContext, page: Page) {
    const session = await context.newCDPSession(page)
    await session.send('WebAuthn.enable')
    const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    return {
      recognize: (isUserVerified: boolean) =>
        session.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
    }
  }

  async function addPasskey(page: Page, name: string): Promise<void> {
    await page.goto(`${origin}/account/passkeys`)
    await page.getByLabel('Name').fill(name)
    await page.getByRole('button', { name: 'Add a passkey' }).press('Enter')
    await page.getByRole('button', { name: `Remove ${name}` }).waitFor()
  }

  /** Keeps the next answer of the browser from being sent, to be sent in other ways. */
  async function holdAnswer(page: Page): Promise<Fields> {
    await page.goto(`${origin}/account/passkey`)
    await page.route(`${origin}/account/passkey`, (route) =>
      route.request().method() === 'POST' ? route.abort() : route.continue(),
    )
    const sent = page.waitForEvent('requestfailed', (request) => request.method() === 'POST')
    await page.getByRole('button', { name: 'Use a passkey' }).click()
    const request = await sent
    await page.unroute(`${origin}/account/passkey`)
    return Object.fromEntries(new URLSearchParams(request.postData() ?? ''))
  }

  async function visitorOf(context: BrowserContext): Promise<Visitor> {
    const cookies = await context.cookies(origin)
    return new Visitor(origin, new Map(cookies.map(({ name, value }) => [name, value])))
  }

  await givePassword('megan.bowen')
  await givePassword('diego.siciliani')

  for (const [kind, options] of [
    ['wide', { viewport: { width: 1280, height: 800 } }],
    ['narrow-dark', { viewport: { width: 320, height: 568 }, colorScheme: 'dark' }],
  ] as const) {
    await t.test(`a passkey is added, signs in alone, and is removed: ${kind}`, async (t) => {
      const { context, page } = await openWindow(t, browser, options)
      const refused: string[] = []
      page.on('console', (message) => {
        if (message.type() === 'error') refused.push(message.text())
      })
      const finger = await plugIn(context, page)
      await signIn(page, 'megan.bowen')
      await look(t, page, `${kind}-home`)
      await page.getByRole('link', { name: 'Passkeys' }).press('Enter')
      await titled(page, 'Passkeys')
      await look(t, page, `${kind}-none`)
      await addPasskey(page, 'Laptop')
      await look(t, page, `${kind}-one`)
      await page.getByLabel('Name').fill('Again')
      await page.getByRole('button', { name: 'Add a passkey' }).press('Enter')
      await page.getByText('has a passkey of yours').waitFor()
      await look(t, page, `${kind}-again`)

      await page.goto(`${origin}/account/home`)
      await page.getByRole('button', { name: 'Sign out' }).press('Enter')
      await page.getByRole('link', { name: 'Sign in with a passkey' }).press('Enter')
      await titled(page, 'Sign in with a passkey')
      await look(t, page, `${kind}-sign-in`)
      await finger.recognize(false)
      await page.getByRole('button', { name: 'Use a passkey' }).press('Enter')
      await page.getByText('No passkey was used').waitFor()
      await look(t, page, `${kind}-not-recognized`)
      await finger.recognize(true)
      await page.getByRole('button', { name: 'Use a passkey' }).press('Enter')
      await page.waitForURL(`${origin}/account/home`)
      await page.goto(`${origin}/account/passkeys`)
      await page.getByText('Last used').waitFor()
      await page.getByRole('button', { name: 'Remove Laptop' }).press('Enter')
      await page.getByText('You have no passkeys').waitFor()
      t.same(refused, [], 'nothing the page needs is forbidden by its policy')
    })
  }

  await t.test(
    'an answer is good once, for its own browser, and for whoever may come in',
    async (t) => {
      const { context, page } = await openWindow(t, browser)
      await plugIn(context, page)
      await signIn(page, 'megan.bowen')
      await addPasskey(page, 'Phone')
      const fields = await holdAnswer(page)
      const send = (visitor: Visitor, changed: Fields = fields) =>
        visitor.submit('/account/passkey', changed)
      t.match(await send(new Visitor(origin)), { status: 403 }, 'in a browser that was not asked')
      const stranger = new Visitor(origin)
      await stranger.open('/account/passkey')
      t.match(await send(stranger), { status: 403 }, 'to a challenge of another browser')
      const forged = new Visitor(origin)
      t.equal(
        (await forged.submit('/account/passkey', fields, { origin: 'https://evil.example' }))
          .status,
        403,
      )

      await api.send('POST', '/people/suspend', { people: ['megan.bowen'] })
      t.match(await send(await visitorOf(context)), { status: 403 }, 'suspended meanwhile')
      await api.send('POST', '/people/resume', { people: ['megan.bowen'] })
      t.match(await send(await visitorOf(context)), { status: 403 }, 'that answer is spent')
      const second = await holdAnswer(page)
      const taken = await visitorOf(context)
      const replay = await visitorOf(context)
      const swapped = { response: altered(second['response'] ?? '') }
      t.match(await send(taken, swapped), { status: 403 }, 'altered')
      const fresh = await visitorOf(context)
      t.match(await send(fresh, second), { status: 303, location: '/account/home' })
      t.equal((await fresh.open('/account/home')).status, 200)
      t.match(await send(replay, second), { status: 403 }, 'replayed')

      const { answers } = await api.get<{ answers: { reason: string | null; method: string }[] }>(
        '/log',
        { person: 'megan.bowen' },
      )
      const reasons = new Set(
        answers.filter(({ method }) => method === 'passkey').map(({ reason }) => reason),
      )
      for (const reason of ['held', 'passkey-refused', 'passkey-spent', null])
        t.ok(reasons.has(reason), `the log says ${reason}`)
      const listed = await api.get<{ passkeys: { id: string; name: string }[] }>(
        '/people/megan.bowen/factors',
      )
      t.match(listed, { totp: null, passkeys: [{ name: 'Phone' }] })
      await api.send('DELETE', `/people/megan.bowen/factors/${listed.passkeys[0]?.id}`)
      const last = await holdAnswer(page)
      t.match(await send(await visitorOf(context), last), { status: 403 }, 'removed by an admin')
    },
  )

  await t.test('without scripts the other ways stay', async (t) => {
    const { page } = await openWindow(t, browser, { javaScriptEnabled: false })
    await page.goto(`${origin}/account/passkey`)
    await page.locator('noscript p').waitFor()
    await page.getByRole('link', { name: 'Sign in in another way' }).click()
    await signIn(page, 'diego.siciliani')
    const visitor = new Visitor(origin)
    const policy = async (path: string) =>
      (await visitor.open(path)).headers.get('content-security-policy') ?? ''
    t.match(await policy('/account/passkey'), /default-src 'none'.*script-src 'self'$/)
    t.notMatch(await policy('/account/sign-in'), /script-src/, 'on no other page')
  })
})

type Fields = Readonly<Record<string, string>>

/** With one bit of the signature turned over. */
function altered(text: string): string {
  const answer = JSON.parse(text) as { response: { signature: string } }
  const signature = Buffer.from(answer.response.signature, 'base64url')
  signature.writeUInt8(signature.readUInt8(signature.length - 1) ^ 1, signature.length - 1)
  answer.response.signature = signature.toString('base64url')
  return JSON.stringify(answer)
}
