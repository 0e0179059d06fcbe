// A browser for the tests and the screenshots: Debian's Chromium, or the one CHROMIUM names.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

export const base = process.env.PURSER_URL ?? 'http://localhost:4000'
export const master = process.env.PURSER_MASTER_KEY ?? process.env.LITELLM_MASTER_KEY ?? 'sk-1234'

export async function launch() {
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] })
}

/** A page of its own context, which fails the test by what should never happen: a broken policy, an exception, a request elsewhere. */
export async function open(browser, { width = 1440, height = 900, dark = false, ...more } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', locale: 'en-US', timezoneId: 'UTC', reducedMotion: 'reduce', ...more })
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  page.setDefaultNavigationTimeout(90_000)
  page.faults = []
  page.on('pageerror', (e) => page.faults.push(`exception: ${e.message}`))
  page.on('console', (m) => m.type() === 'error' && !/Failed to load resource/.test(m.text()) && page.faults.push(`console: ${m.text()}`))
  page.on('request', (r) => {
    const url = new URL(r.url())
    if (/^https?:$/.test(url.protocol) && url.origin !== new URL(base).origin) page.faults.push(`a request left the origin: ${r.url()}`)
  })
  return page
}

export async function signIn(page, key = master) {
  await page.goto(`${base}/ui/`)
  await page.getByRole('button', { name: 'Use the master key' }).click()
  await page.getByLabel('Master key').fill(key)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('navigation', { name: 'Pages' }).waitFor({ state: 'attached' })
}

/** Loads a page of the app. */
export async function visit(page, path) {
  await page.goto(`${base}/ui${path}`)
  await page.locator('h1').first().waitFor()
}

/** The page has thrown nothing, logged no error, and asked nobody else. */
export const isClean = (page) => assert.deepEqual(page.faults, [], 'the page did what it must not')

/** Goes to a path as a link of the page does, without loading the app again. */
export async function move(page, path) {
  await page.evaluate((to) => {
    for (const h of document.querySelectorAll('main h1')) h.dataset.old = ''
    const same = location.pathname === new URL(to, location.href).pathname
    if (same) for (const h of document.querySelectorAll('main h1')) delete h.dataset.old // the page stays, what is in it changes
    history.pushState({}, '', to)
    dispatchEvent(new PopStateEvent('popstate', { state: {} }))
  }, `/ui${path}`)
  await page.waitForFunction(() => document.querySelector('main h1:not([data-old])') && !document.querySelector('main [aria-busy=true], main .mantine-Skeleton-root'))
}
