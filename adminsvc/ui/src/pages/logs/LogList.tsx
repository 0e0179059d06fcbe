import { Select, Switch, TextInput, Tooltip } from '@mantine/core'
import { DatePickerInput } from '@mantine/dates'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconListDetails } from '@tabler/icons-react'
import { useMemo, useRef, useState } from 'react'
import { call } from '../../api/client'
import { seesAll } from '../../api/may'
import { useApi } from '../../api/queries'
import type { Log } from '../../api/rows'
import { useWho } from '../../api/session'
import { KeySelect, ProjectSelect, TeamSelect, UserSelect } from '../../forms/EntitySelect'
import { useModelNames } from '../../forms/ModelsInput'
import type { Column } from '../../shared/column'
import { Empty } from '../../shared/Empty'
import { count, day, daysOf, milliseconds, utc } from '../../shared/format'
import { everyPage } from '../../shared/everyPage'
import { ListPage } from '../../shared/ListPage'
import { Money } from '../../shared/Money'
import { Quiet, Tag } from '../../shared/Tag'
import { useListState } from '../../shared/useListState'
import { When } from '../../shared/When'
import { LogDrawer } from './LogDrawer'

type Scope = { api_key?: string; team_id?: string; project_id?: string; user_id?: string; organization_id?: string; end_user?: string }

const ranges: Record<string, [string, number]> = { '1h': ['Last hour', 1], '24h': ['Last 24 hours', 24], '7d': ['Last 7 days', 168], '30d': ['Last 30 days', 720], '90d': ['Last 90 days', 2160] }
const refreshes = 3000

/** A day as the date field writes it: what is read out has to hold what is seen. */
const written = (d: string) => new Date(`${d}T00:00`).toLocaleDateString('en-US', { month: 'short', day: 'numeric' })

/** Requests, newest first: all the caller may see, or those of one key, project, team or user. */
export function LogList({ scope = {} }: { scope?: Scope }) {
  const list = useListState({ sort: 'startTime', desc: true, size: 50 })
  const seesOthers = seesAll(useWho())
  const [live, setLive] = useState(false)
  const open = list.get('open')
  const names = useModelNames()
  const whole = Object.values(scope).every((v) => !v)
  const [from, to] = daysOf(list.get)
  const range = from ? '' : list.get('range') || '24h'
  // The start of a range moves by the minute, not by the render: the same minute is the same question.
  const minute = Math.floor(Date.now() / 60_000)
  const start = useMemo(() => utc((minute - (ranges[range] ?? ranges['24h']!)[1] * 60) * 60_000).slice(0, 19), [minute, range])
  const params = {
    ...scope,
    ...(whole ? { team_id: list.get('team'), project_id: list.get('project'), user_id: list.get('user'), api_key: list.get('key') } : {}),
    model: list.get('model'), status_filter: list.get('status'), request_id: list.get('request'), search: list.q,
    start_date: from ? utc(new Date(`${from}T00:00`)).slice(0, 19) : start, ...(to ? { end_date: utc(new Date(`${to}T23:59:59`)).slice(0, 19) } : {}),
    page: list.page, page_size: list.size, sort_by: list.sort, sort_order: list.desc ? 'desc' : 'asc',
  }
  const answer = useApi('/spend/logs/ui', params, { every: live ? refreshes : false })
  const rows = answer.data?.data as Log[] | undefined
  const seen = useRef(new Set<string>())
  const fresh = useMemo(() => {
    const first = seen.current.size === 0
    const out = new Set<string>()
    for (const r of rows ?? []) {
      if (!first && !seen.current.has(r.litellm_call_id!)) out.add(r.litellm_call_id!)
      seen.current.add(r.litellm_call_id!)
    }
    return out
  }, [rows])
  const request = useDebouncedCallback((v: string) => list.set({ request: v }), 300)
  const columns = useMemo<Column<Log>[]>(() => [
    { id: 'startTime', title: 'Time', sort: true, value: (r) => r.startTime, cell: (r) => <When at={r.startTime} exact /> },
    { id: 'status', title: 'Status', value: (r) => r.status, cell: (r) => <LogStatus row={r} /> },
    ...(scope.project_id || scope.api_key ? [] : [{ id: 'project', title: 'Project', value: (r: Log) => r.project_alias ?? r.project_id, cell: (r: Log) => <Named name={r.project_alias} id={r.project_id} /> }]),
    ...(scope.team_id || scope.project_id || scope.api_key ? [] : [{ id: 'team', title: 'Team', value: (r: Log) => r.team_alias ?? r.team_id, from: 'xwide' as const, cell: (r: Log) => <Named name={r.team_alias} id={r.team_id} /> }]),
    ...(scope.api_key ? [] : [{ id: 'key', title: 'Key', value: (r: Log) => r.key_alias ?? r.api_key, from: 'wide' as const, cell: (r: Log) => <Named name={r.key_alias} id={r.api_key} /> }]),
    { id: 'user', title: 'User', value: (r) => r.user, from: 'xwide', cell: (r) => <Named name={r.user} id={null} /> },
    { id: 'customer', title: 'Customer', value: (r) => r.end_user, hidden: true, cell: (r) => <Named name={r.end_user} id={null} /> },
    { id: 'model', title: 'Model', value: (r) => r.model_group ?? r.model, from: 'wide', cell: (r) => <span style={{ whiteSpace: 'nowrap' }}>{r.model_group || r.model}</span> },
    { id: 'total_tokens', title: 'Tokens', sort: true, align: 'right', value: (r) => r.total_tokens, from: 'wide', cell: (r) => <Tooltip label={`${count(r.prompt_tokens)} in, ${count(r.completion_tokens)} out`}><span>{count(r.total_tokens)}</span></Tooltip> },
    { id: 'spend', title: 'Cost', sort: true, align: 'right', value: (r) => r.spend, cell: (r) => <Money value={r.spend} /> },
    { id: 'request_duration_ms', title: 'Took', sort: true, align: 'right', value: (r) => r.request_duration_ms, from: 'wide', cell: (r) => milliseconds(r.request_duration_ms) },
    { id: 'request_id', title: 'Request id', value: (r) => r.request_id, hidden: true, cell: (r) => <span className="mono">{r.request_id}</span> },
  ], [scope.project_id, scope.team_id, scope.api_key])
  const filtered = ['team', 'project', 'user', 'key', 'model', 'status', 'request', 'from'].some((f) => list.get(f))
  return (
    <>
      <ListPage name="requests" columns={columns} rows={rows} total={answer.data?.total ?? undefined} capped={answer.data?.total_is_capped ?? false} rowKey={(r) => r.litellm_call_id!} list={list} loading={answer.isFetching && !live} error={answer.error}
        refresh={() => void answer.refetch()} onRow={(r) => list.set({ open: r.litellm_call_id! })} exportRows={(told) => everyPage((page) => call('get', '/spend/logs/ui', { params: { ...params, page, page_size: 1000 } as never }).then((a) => ({ rows: (a.data ?? []) as Log[], pages: Math.min(a.total_pages ?? 1, 10) })), told)} isNew={(r) => live && fresh.has(r.litellm_call_id!)} filtered={filtered} search={null}
        filters={<>
          <Select aria-label="Time range" w={140} placeholder="Chosen days" value={range || null} onChange={(v) => list.set({ range: v === '24h' ? null : v, from: null, to: null })} allowDeselect={false} data={Object.entries(ranges).map(([value, [label]]) => ({ value, label }))} />
          <DatePickerInput aria-label={from ? `Days ${written(from)} – ${written(to)}` : 'Any days'} placeholder="Any days" styles={{ placeholder: { color: 'var(--quiet)' } }} type="range" w={200} maxDate={day(new Date())} value={[from || null, to || null]} valueFormat="MMM D" popoverProps={{ withinPortal: true }} clearable clearButtonProps={{ 'aria-label': 'Clear the days' }}
            onChange={([a, b]) => { if (a && b) list.set({ from: a, to: b, range: null }); else if (!a) list.set({ from: null, to: null }) }} allowSingleDateInRange />
          {whole && <TeamSelect label="" aria-label="Team" placeholder="Any team" w={140} value={list.get('team')} onChange={(v) => list.set({ team: v, project: null })} />}
          {whole && <ProjectSelect label="" aria-label="Project" placeholder="Any project" w={150} team={list.get('team')} value={list.get('project')} onChange={(v) => list.set({ project: v })} />}
          {whole && <KeySelect label="" aria-label="Key" placeholder="Any key" w={150} value={list.get('key')} onChange={(v) => list.set({ key: v })} />}
          {whole && seesOthers && <UserSelect label="" aria-label="User" placeholder="Any user" w={140} value={list.get('user')} onChange={(v) => list.set({ user: v })} />}
          <Select aria-label="Model" placeholder="Any model" w={150} searchable clearable value={list.get('model') || null} onChange={(v) => list.set({ model: v })} data={names} />
          <Select aria-label="Status" placeholder="Any status" w={130} clearable value={list.get('status') || null} onChange={(v) => list.set({ status: v })} data={[{ value: 'success', label: 'Success' }, { value: 'failure', label: 'Failure' }, { value: 'abandoned', label: 'Client left' }]} />
          {whole && <TextInput aria-label="Request id" placeholder="Request id" w={150} defaultValue={list.get('request')} onChange={(e) => request(e.currentTarget.value.trim())} />}
          <Tooltip label={`Asks again every ${refreshes / 1000} seconds`}><div><Switch label="Live" checked={live} onChange={(e) => { setLive(e.currentTarget.checked); list.set({ page: null }) }} /></div></Tooltip>
        </>}
        empty={<Empty icon={IconListDetails} title="No requests in this time">Calls show here within a second of their end. Choose a longer time, or make a first call in the Playground.</Empty>} />
      <LogDrawer id={open} listed={rows?.find((r) => r.litellm_call_id === open) ?? null} onClose={() => list.set({ open: null })} />
    </>
  )
}

function Named({ name, id }: { name: string | null | undefined; id: string | null | undefined }) {
  if (!name && !id) return <Quiet />
  return <span className="clip named" title={id && id !== name ? `${name ?? ''} ${id}` : (name ?? '')}>{name || id}</span>
}

export function LogStatus({ row }: { row: Log }) {
  const info = (row.metadata as { error_information?: { error_code?: string; error_message?: string } | null } | null)?.error_information
  if (row.status === 'abandoned') return <Tag color="orange" tip={info?.error_message ?? 'The client left before the end.'}>Client left</Tag>
  if (row.status !== 'failure') return <Tag color="green">Success</Tag>
  return <Tag color="red" tip={info?.error_message || undefined}>{info?.error_code ? `Failed ${info.error_code}` : 'Failed'}</Tag>
}
