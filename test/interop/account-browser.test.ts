import { join } from 'node:path'
import type { BrowserContextOptions, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { SourceStatus } from '../../src/admin/parts.ts'
import { barriers, openWindow, overflow, startBrowser } from '../support/browser.ts'
import { startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { connectionOf, Microsoft365Bench } from '../support/microsoft365.ts'
import { withTools } from '../support/tools.ts'

const AT_MICROSOFT = 'Spring 2026'
const CODE = '246810'
const SHOTS = process.env['GATEHOUSE_SHOTS']

await withTools(t, { name: 'account pages in Chromium', tools: ['chromium'] }, async (t) => {
  const { folder, env } = await databaseFor(t, 'account-browser')
  const bench = await Microsoft365Bench.startFor(t, {
    people: 20,
    seed: 1,
    redirectUris: ['http://localhost/account/microsoft/callback'],
  })
  const { api, address } = await startDaemonProcess(t, {
    dataDir: join(folder, 'data'),
    env,
    args: ['--migrate'],
  })
  const base = `http://${address('http').replace('127.0.0.1', 'localhost')}/account`
  await api.send('POST', '/sources/microsoft365', connectionOf(bench.simulator))
  await api.send('POST', '/sources/contoso/sync', {})
  await api.send<SourceStatus>('PUT', '/sources/contoso/sign-in', { allowed: true })
  const browser = await startBrowser(t)

  const linkFor = async (name: string) =>
    (await api.send<{ link: string }>('POST', `/people/${name}/activation-link`, { mail: false }))
      .link
  const shoot = async (page: Page, name: string) => {
    if (SHOTS !== undefined)
      await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true })
  }
  /** Nothing in anybody's way, and nothing cut off. */
  const look = async (t: Test, page: Page, name: string) => {
    t.same(await barriers(page), [], name)
    t.equal(await overflow(page), 0, `${name} fits the window`)
    await shoot(page, name)
  }
  const titled = (page: Page, title: string) => page.getByRole('heading', { name: title }).waitFor()

  /** A link, refusals, a password, a wrong one, a change, and the link again; by keys alone. */
  async function walk(t: Test, name: string, kind: string, options: BrowserContextOptions) {
    const { page } = await openWindow(t, browser, options)
    const type = (text: string) => page.keyboard.type(text)
    const key = (name: string) => page.keyboard.press(name)
    /** Keys go where the page has put the cursor, once it has. */
    const focused = () => page.locator('[autofocus]:focus').waitFor()
    const link = await linkFor(name)
    await page.goto(link)
    await focused()
    await look(t, page, `${kind}-activate`)
    await key('Enter')
    await titled(page, 'Choose a password')
    await focused()
    await look(t, page, `${kind}-choose`)
    for (const text of ['short', 'other']) {
      await type(text)
      await key('Tab')
    }
    await key('Enter')
    await page.getByText('The two are not the same').waitFor()
    await focused()
    await look(t, page, `${kind}-different`)
    for (const text of ['short', 'short']) {
      await type(text)
      await key('Tab')
    }
    await key('Enter')
    await page.getByText('It is too short').waitFor()
    await focused()
    const field = page.getByLabel('New password', { exact: true })
    t.equal(await field.getAttribute('aria-invalid'), 'true')
    t.match(await field.getAttribute('aria-describedby'), /new-error/)
    await look(t, page, `${kind}-refused`)
    await type('Nine purple owls sing')
    await key('Tab')
    await type('Nine purple owls sing')
    await key('Enter')
    await titled(page, 'Your password is set')
    await look(t, page, `${kind}-done`)

    await page.goto(`${base}/sign-in`)
    for (const password of ['wrong', 'Nine purple owls sing']) {
      await page.getByLabel('User name').focus()
      await page.getByLabel('User name').selectText()
      await type(name)
      await key('Tab')
      await type(password)
      await look(t, page, `${kind}-sign-in-${password.length}`)
      await key('Enter')
      if (password === 'wrong') await page.getByRole('alert').waitFor()
    }
    await page.waitForURL(`${base}/home`)
    await look(t, page, `${kind}-home`)
    await page.goto(`${base}/password`)
    await focused()
    await type('Seven grey mice dance')
    await key('Tab')
    await type('Seven grey mice dance')
    await key('Enter')
    await titled(page, 'Your password is set')

    await page.goto(link)
    await focused()
    await key('Enter')
    await titled(page, 'The link is not good')
    await look(t, page, `${kind}-expired`)
    await page.goto(base)
    await look(t, page, `${kind}-start`)
  }

  await t.test('from a link to a changed password, by keys alone', (t) =>
    walk(t, 'megan.bowen', 'wide', { viewport: { width: 1280, height: 800 } }),
  )

  await t.test('the same at 320 pixels, in the dark', (t) =>
    walk(t, 'diego.siciliani', 'narrow-dark', {
      viewport: { width: 320, height: 568 },
      colorScheme: 'dark',
    }),
  )

  await t.test('sign in with Microsoft, with a second step, without scripts', async (t) => {
    const user = bench.user('adele.vance')
    bench.simulator.tenant.setSignIn(user, { password: AT_MICROSOFT, mfa: 'required' })
    const { page } = await openWindow(t, browser, { javaScriptEnabled: false })
    const goThere = async () => {
      await page.goto(`${base}/sign-in`)
      await page.getByRole('link', { name: 'Sign in with Microsoft' }).press('Enter')
      await page.getByLabel('User name').fill('adele.vance@contoso.example')
      await page.getByLabel('Password').fill(AT_MICROSOFT)
      await page.getByRole('button', { name: 'Sign in' }).press('Enter')
      await page.getByLabel('Code').fill(CODE)
      await page.getByRole('button', { name: 'Verify' }).press('Enter')
    }
    await goThere()
    await titled(page, 'Your account is not active yet')
    await shoot(page, 'microsoft-staged')
    await api.send('POST', '/people/activate', { people: ['adele.vance'] })
    await goThere()
    await titled(page, 'Choose a password')
    for (const label of ['New password', 'New password once more'])
      await page.getByLabel(label, { exact: true }).fill('Eight green moles dig')
    await page.getByRole('button', { name: 'Set password' }).press('Enter')
    await titled(page, 'Your password is set')

    await page.goto(`${base}/sign-in`)
    await page.getByRole('link', { name: 'Sign in with Microsoft' }).click()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('cancelled at Microsoft').waitFor()
    t.equal(await page.getByRole('link', { name: 'Back to the start' }).count(), 1)
    await shoot(page, 'microsoft-cancelled')
  })
})
