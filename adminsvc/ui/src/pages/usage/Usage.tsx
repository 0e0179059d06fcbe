import { Alert, Group, SegmentedControl, Select, SimpleGrid, Stack, Text } from '@mantine/core'
import { DatePickerInput } from '@mantine/dates'
import { IconChartBar } from '@tabler/icons-react'
import { lazy, Suspense, useMemo } from 'react'
import { sums, useActivity } from '../../api/activity'
import { seesAll } from '../../api/may'
import { useWho } from '../../api/session'
import { useProjectsOn } from '../../api/settings'
import { ErrorBox } from '../../shared/ErrorBox'
import { count, day, daysAgo, daysOf, money, short } from '../../shared/format'
import { Loading } from '../../shared/Loading'
import { PageHead } from '../../shared/PageHead'
import { Panel } from '../../shared/Panel'
import { Stat } from '../../shared/Stat'
import { useListState } from '../../shared/useListState'
import { add, chart, type Metric, metrics, pageOf, parts, type Scope, scopes, totals } from './activity'
import { BudgetBurn, isBurning } from './BudgetBurn'
import { EntityPick } from './EntityPick'
import { Exports } from './Exports'
import { TopList } from './TopList'
import { UsageTable } from './UsageTable'

const LogLines = lazy(() => import('../../charts/LogLines'))
const StackedBars = lazy(() => import('../../charts/StackedBars'))

const presets = [['1', 'Today'], ['7', 'Last 7 days'], ['30', 'Last 30 days'], ['90', 'Last 90 days'], ['month', 'This month']] as const

/** A day as the date field writes it: what is read out has to hold what is seen. */
const written = (d: string) => new Date(`${d}T00:00`).toLocaleDateString('en-US', { dateStyle: 'medium' })

/** The days of the URL: a preset, or from and to. */
function rangeOf(get: (n: string) => string): { preset: string; from: string; to: string } {
  const [first, last] = daysOf(get)
  if (first && last) return { preset: '', from: first, to: last }
  const preset = get('range') || '30'
  const now = new Date()
  return { preset, from: preset === 'month' ? day(new Date(now.getFullYear(), now.getMonth(), 1)) : day(daysAgo(Number(preset) - 1)), to: day(now) }
}

export default function Usage() {
  const who = useWho()
  const projects = useProjectsOn()
  const list = useListState()
  const offered = scopes.filter((s) => (s.id !== 'project' || projects || list.get('by') === 'project') && (seesAll(who) || ['project', 'team', 'user', 'key', 'model'].includes(s.id)))
  const scope = (offered.find((s) => s.id === list.get('by')) ?? offered[0]!).id as Scope
  const about = scopes.find((s) => s.id === scope)!
  const { preset, from, to } = rangeOf(list.get)
  const offeredParts = parts(scope)
  const part = (offeredParts.find((p) => p.id === list.get('part')) ?? offeredParts[0]!).id
  const metric = (list.get('show') || 'spend') as Metric
  const weekly = list.get('step') === 'week'
  const table = list.get('view') === 'table'
  const log = list.get('scale') === 'log'
  const id = list.get('id')
  const answer = useActivity(about.path, { start_date: from, end_date: to, [about.param]: id })
  const days = answer.data?.results ?? []
  const all = sums(answer.data)
  const data = useMemo(() => chart(answer.data?.results ?? [], part, metric, from, to, weekly), [answer.data, part, metric, from, to, weekly])
  const chartLabel = `${metrics.find((m) => m.id === metric)!.label} by ${weekly ? 'week' : 'day'}; the same as a table is under “Table”`
  const format = metric === 'spend' ? money : (v: number) => short(v)
  return (
    <>
      <PageHead icon={IconChartBar} title="Usage" about="What was spent, by whom and on what. Days are in your time zone."><Exports scope={scope} path={about.path} params={{ start_date: from, end_date: to, [about.param]: id }} /></PageHead>
      <Stack gap="md">
        <Group gap="xs" className="tools">
          <Select aria-label="Whose usage" w={160} value={scope} allowDeselect={false} data={offered.map((s) => ({ value: s.id, label: s.label }))} onChange={(v) => list.set({ by: v, id: null, part: null })} />
          <EntityPick scope={scope} value={id} onChange={(v) => list.set({ id: v })} />
          <Select aria-label="Time range" w={160} placeholder="Chosen days" value={preset || null} data={presets.map(([value, label]) => ({ value, label }))} onChange={(v) => list.set({ range: v, from: null, to: null })} />
          <DatePickerInput aria-label={`Days ${written(from)} – ${written(to)}`} type="range" w={230} maxDate={day(new Date())} value={[from, to]} valueFormat="MMM D, YYYY" popoverProps={{ withinPortal: true }}
            onChange={([a, b]) => { if (a && b) list.set({ from: a, to: b, range: null }) }} allowSingleDateInRange />
        </Group>
        <ErrorBox error={answer.error} retry={() => void answer.refetch()} />
        <div className="card" style={{ padding: 16, opacity: answer.isPlaceholderData ? 0.5 : undefined }}>
          <SimpleGrid cols={{ base: 2, sm: 4 }}>
            <Stat loading={answer.isPending} label="Spend" value={money(all.spend)} />
            <Stat loading={answer.isPending} label="Requests" value={count(all.api_requests)} />
            <Stat loading={answer.isPending} label="Tokens" value={short(all.total_tokens)} more={`${short(all.prompt_tokens)} in · ${short(all.completion_tokens)} out`} />
            <Stat loading={answer.isPending} label="Errors" value={count(all.failed_requests)} more={all.api_requests ? `${((100 * all.failed_requests) / all.api_requests).toFixed(1)}% of requests` : undefined} />
          </SimpleGrid>
        </div>
        <Panel title={`${metrics.find((m) => m.id === metric)!.label} by ${weekly ? 'week' : 'day'}`} right={
          <Group gap="xs">
            <SegmentedControl size="xs" aria-label="Show" value={metric} onChange={(v) => list.set({ show: v })} data={metrics.map((m) => ({ value: m.id, label: m.label }))} />
            <SegmentedControl size="xs" aria-label="By" value={part} onChange={(v) => list.set({ part: v })} data={offeredParts.map((p) => ({ value: p.id, label: p.label }))} />
            <SegmentedControl size="xs" aria-label="Step" value={weekly ? 'week' : 'day'} onChange={(v) => list.set({ step: v === 'week' ? 'week' : null })} data={[{ value: 'day', label: 'Daily' }, { value: 'week', label: 'Weekly' }]} />
            {!table && <SegmentedControl size="xs" aria-label="Scale" value={log ? 'log' : 'linear'} onChange={(v) => list.set({ scale: v === 'log' ? 'log' : null })} data={[{ value: 'linear', label: 'Linear' }, { value: 'log', label: 'Log' }]} />}
            <SegmentedControl size="xs" aria-label="View" value={table ? 'table' : 'chart'} onChange={(v) => list.set({ view: v === 'table' ? 'table' : null })} data={[{ value: 'chart', label: 'Chart' }, { value: 'table', label: 'Table' }]} />
          </Group>
        }>
          {answer.isPending ? <Loading /> : table ? <UsageTable rows={data.rows} series={data.series} format={metric === 'spend' ? money : count} add={metric === 'spend' ? add : (a, b) => a + b} /> : data.series.length ? (
            <Suspense fallback={<Loading />}>{log ? <LogLines rows={data.rows} series={data.series} format={format} label={chartLabel} /> : <StackedBars rows={data.rows} series={data.series} format={format} label={chartLabel} />}</Suspense>
          ) : <Text c="dimmed" size="sm" ta="center" py={60}>{metric === 'failed_requests' ? 'No errors in this time.' : 'Nothing was used in this time. Choose a longer one.'}</Text>}
        </Panel>
        {id && isBurning(scope) && <BudgetBurn scope={scope} id={id} />}
        {!id && scope === 'project' && !days.length && !answer.isPending && <Alert variant="light" color="gray">Calls of keys without a project are not here: look at Teams or Users for those.</Alert>}
        <SimpleGrid cols={{ base: 1, lg: 2 }}>
          {!answer.isPending && offeredParts.map((p) => <TopList key={p.id} coloured={p.id === part || p.id === 'models'} title={`Top ${p.label.toLowerCase()}`} rows={totals(days, p.id, metric)} metric={metric} link={(r) => pageOf(scope, p.id, r.id)} />)}
        </SimpleGrid>
      </Stack>
    </>
  )
}
