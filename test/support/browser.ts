import axe from 'axe-core'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core'
import type { Test } from 'tap'
import { findTool } from './tools.ts'

const TIMEOUT_MS = 30_000
/** Criteria of WCAG 2.2 at level AA, and those of the versions before that it contains. */
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** The installed Chromium, stopped with the test. */
export async function startBrowser(t: Test): Promise<Browser> {
  const executablePath = findTool('chromium') ?? ''
  // As root there is no sandbox to be had; it only ever sees our own pages.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const browser = await chromium.launch({ executablePath, args, timeout: TIMEOUT_MS })
  t.teardown(() => browser.close())
  return browser
}

/** A window of its own cookies; the simulator's certificate is taken as it is. */
export async function openWindow(
  t: Test,
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ readonly context: BrowserContext; readonly page: Page }> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options })
  t.teardown(() => context.close())
  context.setDefaultTimeout(TIMEOUT_MS)
  return { context, page: await context.newPage() }
}

/** What is wrong with the page for people who see, hear or steer otherwise; one line each. */
export async function barriers(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source)
  const found = await page.evaluate(async (tags) => {
    // biome-ignore lint/suspicious/noExplicitAny: put there by the line above
    const { violations } = await (globalThis as any).axe.run({ runOnly: tags })
    return violations as { id: string; nodes: { html: string; failureSummary: string }[] }[]
  }, TAGS)
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}

/** Pixels the page is wider than the window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - innerWidth')
}
