// 200 teams, 2,000 projects and 50,000 keys: every page is there and does not grow with them. What a person waits for is
// printed, not asserted: a busy machine would fail it. Asserted is what makes a page slow: how much it reads, and how much it draws.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { base, isClean, launch, master, move, open, signIn, visit } from './browser.mjs'
import { call, client } from './seed.mjs'

const api = client(base, master)
let browser
let page
let project // the id of Project 1, of team t1
let key // of it

/** Runs f for 0..n-1, some at once. */
async function many(n, f, atOnce = 24) {
  let next = 0
  await Promise.all(Array.from({ length: atOnce }, async () => { while (next < n) await f(next++) }))
}

before(async () => {
  browser = await launch()
  if (!process.env.SEEDED) { // else a stack of an earlier run
    await api('PATCH', '/update/ui_settings', { enable_projects_ui: true })
    await many(200, (i) => api('POST', '/team/new', { team_id: `t${i}`, team_alias: `Team ${i}`, max_budget: 100 + i }))
    const projects = []
    await many(2000, async (i) => { projects[i] = (await api('POST', '/project/new', { team_id: `t${i % 200}`, project_alias: `Project ${i}`, max_budget: 10 })).project_id })
    await many(50_000, (i) => api('POST', '/key/generate', { project_id: projects[i % 2000], key_alias: `key-${i}` }))
  }
  project = (await api('GET', '/project/list?team_id=t1')).find((p) => p.project_alias === 'Project 1').project_id
  key = (await api('GET', '/key/list?search=key-49999&return_full_object=true')).keys[0].token
  const own = await api('POST', '/key/generate', { project_id: project, key_alias: `calls-${Date.now()}` })
  for (let i = 0; i < 5; i++) await call(base, own.key, i ? 'gpt-4o-mini' : 'no-such-model', 'Hello')
  page = await open(browser)
  await signIn(page)
})
after(() => browser?.close())

/** What a step made the page read, how often it asked, and how much is drawn. */
async function measured(name, step, most = 700 << 10) {
  let bytes = 0, asked = 0
  const underWay = new Set() // of what this step began, not of what came before
  const isCall = (r) => !new URL(r.url()).pathname.startsWith('/ui/')
  const begin = (r) => { if (isCall(r)) { asked++; underWay.add(r) } }
  const end = async (r) => {
    if (!underWay.has(r)) return
    bytes += await r.response().then((reply) => reply?.body()).then((b) => b?.length ?? 0, () => 0)
    underWay.delete(r)
  }
  const on = [['request', begin], ['requestfinished', end], ['requestfailed', end]]
  for (const [event, f] of on) page.on(event, f)
  const began = performance.now()
  await step()
  const ms = Math.round(performance.now() - began)
  const patience = Date.now() + 30_000
  for (let quiet = 0; quiet < 4 && Date.now() < patience; quiet = underWay.size ? 0 : quiet + 1) await page.waitForTimeout(100) // a search waits 250 ms for the next letter
  for (const [event, f] of on) page.off(event, f)
  const drawn = await page.evaluate(() => document.querySelectorAll('*').length)
  console.log(`${name}: ${ms} ms, ${asked} calls, ${Math.round(bytes / 1024)} KiB, ${drawn} elements`)
  // The names of all teams and projects are read once; nothing else is read whole, but projects where they are listed or
  // compared. A full list draws 50 rows.
  assert.ok(bytes < most, `${name} reads ${bytes} bytes`)
  assert.ok(asked < 25, `${name} asks ${asked} times`)
  assert.ok(drawn < 4500, `${name} draws ${drawn} elements`)
}

const whole = new Set(['/', '/projects', '/teams/t1?tab=projects'])
const settled = () => page.waitForFunction(() => document.querySelector('main h1') && !document.querySelector('main [aria-busy=true], main .mantine-Skeleton-root'))
const full = () => page.locator('tbody tr').nth(49)

test('every page, loaded anew', async () => {
  for (const [path, there] of [
    ['/', () => page.getByText('Top models this month')], ['/usage', () => page.getByText('Requests').first()], ['/usage?by=team', () => page.getByText('Requests').first()], ['/logs', () => page.getByText(/Showing|No requests/)], ['/logs?tab=refusals', () => page.getByText(/Showing|Nothing was/)], ['/logs?tab=audit', full],
    ['/projects', () => page.getByText('of 2,000')], ['/teams', () => page.getByText('of 200')], ['/keys', () => page.getByText(/of 50,0\d\d/)], ['/users', () => page.getByText(/Showing|No users/)], ['/organizations', () => page.getByText(/Showing|No organ/)],
    ['/customers', () => page.getByText(/Showing|No customers/)], ['/budgets', () => page.getByText(/Showing|No budgets/)], ['/models', () => page.getByText('Showing')], ['/access-groups', () => page.getByText(/Showing|No access/)], ['/playground', () => page.getByLabel(/^Key/)], ['/settings', () => page.getByText('UI Settings').first()],
    ['/teams/t1', () => page.getByText('Team 1').first()], ['/teams/t1?tab=keys', full], ['/teams/t1?tab=projects', () => page.getByText('of 10')], ['/teams/t1?tab=members', () => page.getByText(/members/).first()], [`/projects/${project}`, () => page.getByText('Project 1').first()], [`/projects/${project}?tab=keys`, () => page.getByText(/of [2-9]\d/)],
    [`/keys/${key}`, () => page.getByText('key-49999').first()], [`/keys/${key}?tab=limits`, () => page.getByRole('meter').first()],
  ]) {
    await measured(path, async () => {
      await visit(page, path)
      await there().first().waitFor()
      await settled()
    }, whole.has(path) ? 3 << 20 : undefined)
  }
  isClean(page)
})

test('moving within the app asks only for the page', async () => {
  await visit(page, '/settings')
  await settled()
  const lists = { '/projects': '/project/list', '/keys': '/key/list', '/teams': '/v2/team/list', '/': '/refusals' }
  for (const path of ['/projects', '/projects?page=40', '/projects?q=Project%201999', '/keys', '/keys?page=1000', '/keys?q=key-49999', '/keys?team=t7&size=100', '/teams?q=199', '/']) {
    // The page stays when only its query changes, and so do its rows: what is waited for is the list's answer.
    const answered = (r) => new URL(r.url()).pathname === lists[path.split('?')[0]] && !r.url().includes('names=')
    await measured(`to ${path}`, () => Promise.all([page.waitForResponse(answered), move(page, path)]).then(settled), whole.has(path.split('?')[0]) ? 3 << 20 : undefined)
  }
  isClean(page)
})

test('what is chosen from many is searched for', async () => {
  await move(page, '/keys?new=1')
  const form = page.getByRole('dialog', { name: 'Create virtual key' })
  await form.waitFor()
  await measured('choose a team', async () => {
    await form.getByRole('combobox', { name: /^Team/ }).fill('Team 199')
    await page.getByRole('option', { name: 'Team 199', exact: true }).click()
  })
  await measured('choose a project', async () => {
    await form.getByRole('combobox', { name: /^Project/ }).fill('Project 1999')
    await page.getByRole('option', { name: 'Project 1999', exact: true }).click()
  })
  await form.getByRole('button', { name: 'Cancel' }).click()
  await measured('Ctrl-K to a key', async () => {
    await page.keyboard.press('Control+k')
    await page.getByPlaceholder('Pages, projects, teams, users, keys').fill('key-4321')
    await page.getByText('key-4321', { exact: true }).first().waitFor()
  })
  await page.keyboard.press('Escape')
  await visit(page, '/logs')
  await measured('choose a key', async () => {
    await page.getByRole('combobox', { name: 'Key', exact: true }).fill('key-31415')
    await page.getByRole('option', { name: 'key-31415', exact: true }).click()
  })
  isClean(page)
})

test('an export has every row', async () => {
  await visit(page, '/teams')
  await page.getByText('of 200').waitFor()
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export CSV' }).click()])
  let text = ''
  for await (const part of await file.createReadStream()) text += part
  assert.equal(text.trim().split('\r\n').length, 201)
  isClean(page)
})
