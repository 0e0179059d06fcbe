// node e2e/look.mjs BASE OUT path… : pictures of pages at desktop, phone and dark, to be looked at.
import { mkdirSync } from 'node:fs'
import { base, launch, open, signIn } from './browser.mjs'

const [, , , out = '/tmp/look', ...paths] = process.argv
mkdirSync(out, { recursive: true })
const browser = await launch()
for (const [name, options] of [['desktop', {}], ['phone', { width: 390, height: 844 }], ['dark', { dark: true }]]) {
  if (process.env.ONLY && process.env.ONLY !== name) continue
  const page = await open(browser, options)
  await signIn(page)
  for (const path of paths) {
    await page.goto(`${base}/ui${path}`)
    await page.locator('main h1').first().waitFor()
    await page.waitForLoadState('networkidle')
    await page.waitForFunction(() => !document.querySelector('main [aria-busy=true], main .mantine-Skeleton-root'), null, { timeout: 20_000 }).catch(() => {})
    await page.screenshot({ path: `${out}/${(path.replaceAll(/[^a-z0-9]+/gi, '-').replace(/^-|-$/g, '') || 'home').slice(0, 40)}-${name}.png`, fullPage: process.env.FULL === '1' })
  }
  if (page.faults.length) console.log(name, page.faults)
  await page.context().close()
}
await browser.close()
