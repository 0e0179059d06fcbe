import { Text } from '@mantine/core'
import { lazy, Suspense, useMemo } from 'react'
import { useActivity } from '../../api/activity'
import { useApi } from '../../api/queries'
import { burnLines, burnOf } from '../../shared/burn'
import { day, every, money } from '../../shared/format'
import { Loading } from '../../shared/Loading'
import { Panel } from '../../shared/Panel'
import { When } from '../../shared/When'
import { scopes } from './activity'

const Burn = lazy(() => import('../../charts/Burn'))

type Row = { spend?: number | null; max_budget?: number | null; budget_duration?: string | null; budget_reset_at?: string | null }

/** A budget's window so far, where it leads, and when it runs out. */
export function BudgetBurn({ scope, id }: { scope: 'project' | 'team' | 'organization'; id: string }) {
  const project = useApi('/project/info', { project_id: id }, { enabled: scope === 'project' })
  const team = useApi('/team/info', { team_id: id, key_limit: 1 }, { enabled: scope === 'team' })
  const organization = useApi('/organization/info', { organization_id: id }, { enabled: scope === 'organization' })
  const row = ({ project, team, organization }[scope].data ?? null) as Row | null
  const burn = useMemo(() => (row ? burnOf(row) : null), [row])
  const from = burn?.start ? burn.start.toISOString().slice(0, 10) : ''
  const activity = useActivity(scope, { start_date: from, end_date: day(new Date()), [scopes.find((s) => s.id === scope)!.param]: id }, from !== '')
  const rows = useMemo(() => (burn ? burnLines(new Map((activity.data?.results ?? []).map((d) => [d.date, d.metrics.spend])), burn) : []), [activity.data, burn])
  if (!row) return null
  if (!burn) return <Panel title="Budget"><Text size="sm" c="dimmed">{row.max_budget === 0 ? 'Blocked by a budget of $0.' : 'It has no budget of its own.'}</Text></Panel>
  return (
    <Panel title="Budget burn" about={`${money(row.spend)} of ${money(row.max_budget)} ${every(row.budget_duration)}`}>
      <Text size="sm" mb="sm">
        {burn.part >= 1 ? <Text span c="red" fw={600}>Used up. </Text> : burn.runsOut ? <>At this pace it <Text span fw={600} c="var(--warn)">runs out <When at={burn.runsOut.toISOString()} /></Text>, before it resets. </> : 'At this pace it lasts until it resets. '}
        {burn.end && <Text span c="dimmed">Resets <When at={burn.end.toISOString()} />.</Text>}
      </Text>
      {rows.length > 1 && <Suspense fallback={<Loading />}><Burn rows={rows} limit={row.max_budget!} label={`Spent ${money(row.spend)} of ${money(row.max_budget)} so far`} /></Suspense>}
    </Panel>
  )
}
