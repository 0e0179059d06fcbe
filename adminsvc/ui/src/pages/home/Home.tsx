import { Alert, Anchor, SimpleGrid, Stack, Text } from '@mantine/core'
import { IconHome } from '@tabler/icons-react'
import { Link } from 'react-router'
import { sums, useActivity } from '../../api/activity'
import { makesTeams, seesAll } from '../../api/may'
import { useNames } from '../../api/names'
import { useWho } from '../../api/session'
import { useProjectsOn } from '../../api/settings'
import { count, day, daysAgo, money, short } from '../../shared/format'
import { PageHead } from '../../shared/PageHead'
import { Stat } from '../../shared/Stat'
import { pageOf, totals } from '../usage/activity'
import { TopList } from '../usage/TopList'
import { Health } from './Health'
import { NearLimits } from './NearLimits'
import { RefusedToday } from './RefusedToday'
import { Trend } from './Trend'

/** What goes on: spend, who spends it, what runs out, and whether everything runs. */
export default function Home() {
  const who = useWho()
  const names = useNames()
  const projects = useProjectsOn()
  const now = new Date()
  const today = day(now)
  const first = day(new Date(now.getFullYear(), now.getMonth(), 1))
  const lastWeek = day(daysAgo(7))
  const fortnight = useActivity('user', { start_date: day(daysAgo(13)), end_date: today })
  const month = useActivity('user', { start_date: first, end_date: today })
  const tops = useActivity(projects ? 'project' : 'team', { start_date: first, end_date: today })
  const byDay = new Map((fortnight.data?.results ?? []).map((d) => [d.date, d.metrics]))
  const none = sums(undefined)
  const [t, b, m] = [byDay.get(today) ?? none, byDay.get(lastWeek) ?? none, sums(month.data)]
  const change = b.spend > 0 ? `${t.spend >= b.spend ? '+' : '−'}${Math.abs(Math.round((100 * (t.spend - b.spend)) / b.spend))}% against the same day last week` : 'Nothing on this day last week'
  return (
    <>
      <PageHead icon={IconHome} title="Home" about={seesAll(who) ? 'The whole gateway.' : 'What your own keys spent, and what your teams have left.'} />
      <Stack gap="md">
        {names.ready && names.teamRows.length === 0 && makesTeams(who) && (
          <Alert variant="light" title="Start here">
            <Anchor component={Link} to="/teams?new=1">Create a team</Anchor>, {projects ? <>give it a <Anchor component={Link} to="/projects?new=1">project</Anchor></> : <>enable Projects in <Anchor component={Link} to="/settings">Admin Settings</Anchor></>}, then make a <Anchor component={Link} to="/keys?new=1">virtual key</Anchor> and call with it.
          </Alert>
        )}
        <div className="card" style={{ padding: 16 }}>
          <SimpleGrid cols={{ base: 2, md: 4 }}>
            <Stat loading={fortnight.isPending} label="Spent today" value={money(t.spend)} more={change} />
            <Stat loading={month.isPending} label="Spent this month" value={money(m.spend)} more={`${count(m.api_requests)} requests`} />
            <Stat loading={fortnight.isPending} label="Requests today" value={count(t.api_requests)} more={`${short(t.total_tokens)} tokens`} />
            <Stat loading={fortnight.isPending} label="Errors today" value={count(t.failed_requests)} more={t.api_requests ? `${((100 * t.failed_requests) / t.api_requests).toFixed(1)}% of requests` : 'No requests yet'} />
          </SimpleGrid>
        </div>
        <SimpleGrid cols={{ base: 1, lg: 2 }}>
          <Stack gap="md">
            <NearLimits />
            <TopList loading={tops.isPending} title={projects ? 'Top projects this month' : 'Top teams this month'} rows={totals(tops.data?.results ?? [], 'entities', 'spend').slice(0, 7)} metric="spend" link={(r) => `/${projects ? 'projects' : 'teams'}/${encodeURIComponent(r.id)}`} />
          </Stack>
          <Stack gap="md">
            <Trend byDay={fortnight.data ? new Map([...byDay].map(([d, v]) => [d, v.spend])) : null} days={14} />
            <RefusedToday />
            <TopList loading={month.isPending} title="Top models this month" coloured rows={totals(month.data?.results ?? [], 'models', 'spend').slice(0, 7)} metric="spend" link={(r) => pageOf('model', 'models', r.id)} />
            {seesAll(who) && <Health />}
          </Stack>
        </SimpleGrid>
        <Text size="xs" c="dimmed">Days are in your time zone. Budgets reset in UTC.</Text>
      </Stack>
    </>
  )
}
