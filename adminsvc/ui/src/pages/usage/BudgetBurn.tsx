import { Text } from '@mantine/core'
import { lazy, Suspense, useMemo } from 'react'
import { useActivity } from '../../api/activity'
import { useApi } from '../../api/queries'
import { type Burn as Burning, burnLines, burnOf, lifetimeBurn, type Row } from '../../shared/burn'
import { day, daysAgo, every, money } from '../../shared/format'
import { Loading } from '../../shared/Loading'
import { Panel } from '../../shared/Panel'
import { When } from '../../shared/When'
import { type Scope, scopes } from './activity'

const Burn = lazy(() => import('../../charts/Burn'))

const burning = ['project', 'team', 'organization', 'user', 'customer', 'key'] as const
type Burns = (typeof burning)[number]
/** What can have a budget. */
export const isBurning = (scope: Scope): scope is Burns => (burning as readonly string[]).includes(scope)

type Spender = Row & { created_at?: string | null; litellm_budget_table?: unknown }

/** One that spends, with its budget: its own, or the shared one it refers to. */
function useSpender(scope: Burns, id: string) {
  const project = useApi('/project/info', { project_id: id }, { enabled: scope === 'project' })
  const team = useApi('/team/info', { team_id: id, key_limit: 1 }, { enabled: scope === 'team' })
  const organization = useApi('/organization/info', { organization_id: id }, { enabled: scope === 'organization' })
  const user = useApi('/v2/user/info', { user_id: id }, { enabled: scope === 'user' })
  const customer = useApi('/customer/info', { end_user_id: id }, { enabled: scope === 'customer' })
  const key = useApi('/key/info', { key: id }, { enabled: scope === 'key' })
  const answer = { project, team, organization, user, customer, key }[scope]
  const data = (scope === 'key' ? key.data?.info : answer.data) as Spender | undefined
  return useMemo(() => {
    if (!data) return { row: null, shared: false, error: answer.error }
    const budget = (data.litellm_budget_table ?? {}) as Row
    if (typeof data.max_budget === 'number') return { row: data, shared: false, error: null }
    return { row: { ...data, max_budget: budget.max_budget, budget_duration: budget.budget_duration ?? data.budget_duration, budget_reset_at: data.budget_reset_at ?? budget.budget_reset_at }, shared: true, error: null }
  }, [data, answer.error])
}

/** A budget so far, where it leads, and when it runs out. */
export function BudgetBurn({ scope, id }: { scope: Burns; id: string }) {
  const about = scopes.find((s) => s.id === scope)!
  const { row, error } = useSpender(scope, id)
  const windowed = useMemo(() => (row ? burnOf(row) : null), [row])
  const start = useMemo(() => {
    if (!row || !windowed) return null
    const created = row.created_at ? new Date(row.created_at) : new Date(0)
    return windowed.start ?? new Date(Math.max(daysAgo(29).getTime(), created.getTime()))
  }, [row, windowed])
  const from = start ? start.toISOString().slice(0, 10) : ''
  const activity = useActivity(about.path, { start_date: from, end_date: day(new Date()), [about.param]: id }, from !== '')
  const { burn, lines } = useMemo(() => {
    if (!row || !windowed || !start) return { burn: windowed, lines: [] }
    const byDay = new Map((activity.data?.results ?? []).map((d) => [d.date, d.metrics.spend]))
    if (windowed.start) return { burn: windowed, lines: burnLines(byDay, windowed) }
    let lately = 0
    for (const v of byDay.values()) lately += v
    const burn: Burning = lifetimeBurn(row, start, byDay)
    return { burn, lines: activity.data ? burnLines(byDay, burn, Math.max(0, (row.spend ?? 0) - lately)) : [] }
  }, [row, windowed, start, activity.data])
  if (error?.status === 404 || !row) return null
  if (!burn) return <Panel title="Budget"><Text size="sm" c="dimmed">{row.max_budget === 0 ? 'Blocked by a budget of $0.' : `This ${about.one} has no budget of its own.`}</Text></Panel>
  return (
    <Panel title="Budget burn" about={`${money(row.spend)} of ${money(row.max_budget)} ${row.budget_duration ? every(row.budget_duration) : 'in all: it never resets'}`}>
      <Text size="sm" mb="sm">
        {burn.part >= 1 ? <Text span inherit c="red" fw={600}>Used up. </Text> : burn.runsOut ? <>At this pace it <Text span inherit fw={600} c="var(--warn)">runs out <When at={burn.runsOut.toISOString()} /></Text>{row.budget_reset_at ? ', before it resets. ' : '. '}</> : row.budget_reset_at ? 'At this pace it lasts until it resets. ' : 'At this pace it lasts for years. '}
        {row.budget_reset_at && <Text span inherit c="dimmed">Resets <When at={row.budget_reset_at} />.</Text>}
      </Text>
      {lines.length > 1 && <Suspense fallback={<Loading />}><Burn rows={lines} limit={row.max_budget!} label={`Spent ${money(row.spend)} of ${money(row.max_budget)} so far`} /></Suspense>}
    </Panel>
  )
}
