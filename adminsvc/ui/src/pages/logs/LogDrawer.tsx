import { Anchor, Badge, Drawer, Group, Stack, Text, Title } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import { Link } from 'react-router'
import { ApiError } from '../../api/errors'
import { useNames } from '../../api/names'
import { useApi } from '../../api/queries'
import type { Log } from '../../api/rows'
import { ErrorBox } from '../../shared/ErrorBox'
import { Facts } from '../../shared/Facts'
import { count, local, milliseconds, money, utc } from '../../shared/format'
import { Copy, Id } from '../../shared/Id'
import type { Limit } from '../../shared/limit'
import { Loading } from '../../shared/Loading'
import { MarkList } from '../../shared/MarkList'
import { LogStatus } from './LogList'

type Meta = {
  usage_object?: Record<string, unknown>; cost_breakdown?: Record<string, number>; usage_source?: string; route?: string; model_asked?: string; stream?: boolean; attempted_retries?: number; max_tokens_lowered_to?: number
  error_information?: { error_code?: string; error_class?: string; error_message?: string } | null; requester_ip_address?: string; user_agent?: string; upstream_request_id?: string; [more: string]: unknown
}

const words = (s: string) => s.replaceAll('_', ' ').replace(/^./, (c) => c.toUpperCase())

/** Usage flat: {a: {b: 1}} is "A: b". Zeros say nothing. */
function flat(o: Record<string, unknown> | null | undefined, prefix = ''): [string, number][] {
  return Object.entries(o ?? {}).flatMap(([k, v]): [string, number][] => (v && typeof v === 'object' ? flat(v as Record<string, unknown>, `${words(k.replace('_tokens_details', ''))}: `) : typeof v === 'number' && v !== 0 ? [[prefix + (prefix ? k.replaceAll('_', ' ') : words(k)), v]] : []))
}

/** Everything that is known of one request. What the list has is shown at once; the rest is asked for. */
export function LogDrawer({ id, listed, onClose }: { id: string; listed: Log | null; onClose: () => void }) {
  const names = useNames()
  // The drawer keeps showing its request while it closes.
  const [shown, setShown] = useState(id)
  useEffect(() => { if (id) setShown(id) }, [id])
  const whole = useApi('/spend/logs/ui/{request_id}', { request_id: shown, ...(listed?.startTime ? { start_date: new Date(new Date(listed.startTime).getTime() - 36e5).toISOString().slice(0, 10) } : {}) }, { enabled: shown !== '', stale: Infinity })
  const mine = whole.data?.litellm_call_id === shown || whole.data?.request_id === shown ? (whole.data as Log) : null
  const row = mine ?? listed
  const m = (row?.metadata ?? {}) as Meta
  return (
    <Drawer opened={id !== ''} onClose={onClose} size={560} title={<Text fw={650} size="lg" component="h2" m={0}>Request</Text>}>
      {!row && whole.error ? <ErrorBox error={whole.error instanceof ApiError && whole.error.status === 404 ? new ApiError(404, 'This request is not in the journal.', '', null) : whole.error} /> : !row && <Loading />}
      {row && (
        <Stack gap="lg">
          <div>
            <Group gap={8}><LogStatus row={row} /><Badge color="gray">{row.model_group || row.model}</Badge>{m.stream && <Badge color="gray">Streamed</Badge>}<Badge color={m.usage_source === 'reported' ? 'gray' : 'orange'}>{m.usage_source === 'reported' ? 'Usage reported by the provider' : `Usage ${m.usage_source ?? 'estimated'}`}</Badge></Group>
            <Group gap="xl" mt="md"><Figure label="Cost" value={money(row.spend)} /><Figure label="Tokens" value={count(row.total_tokens)} /><Figure label="Took" value={milliseconds(row.request_duration_ms)} /></Group>
          </div>
          {m.error_information && <Part title="Why it failed"><Facts rows={[['Code', m.error_information.error_code], ['Kind', m.error_information.error_class], ['Message', m.error_information.error_message]]} /></Part>}
          <Part title="Who">
            <Facts rows={[
              ['Key', row.api_key && <Link to={`/keys/${row.api_key}`}>{row.key_alias || 'key'}</Link>],
              ['Project', row.project_id && <Link to={`/projects/${encodeURIComponent(row.project_id)}`}>{row.project_alias || row.project_id}</Link>],
              ['Team', row.team_id && <Link to={`/teams/${encodeURIComponent(row.team_id)}`}>{row.team_alias || row.team_id}</Link>],
              ['Organization', row.organization_id && <Link to={`/organizations/${encodeURIComponent(row.organization_id)}`}>{names.organizations.get(row.organization_id) ?? row.organization_id}</Link>],
              ['User', row.user], ['Customer', row.end_user], ['Client address', row.requester_ip_address], ['Client', m.user_agent], ['Tags', (row.request_tags ?? []).join(', ')],
            ]} />
          </Part>
          <Part title="Where it went">
            <Facts rows={[['Endpoint', m.route], ['Asked for', m.model_asked], ['Served by', row.model], ['Provider', row.custom_llm_provider], ['Provider address', row.api_base]]} />
          </Part>
          <Part title="Decision">
            <Facts rows={[
              ['Verdict', row.status === 'failure' ? 'Admitted; the call then failed' : row.status === 'abandoned' ? 'Admitted; the client then left' : 'Admitted'],
              ['Model', m.model_asked && (row.model_group && row.model_group !== m.model_asked ? `${m.model_asked}, which ${row.model_group} serves` : m.model_asked)],
              ['Route', row.model_id && `${row.model_id} (${row.custom_llm_provider}: ${row.model})`],
              ['Attempts', count((m.attempted_retries ?? 0) + 1)],
              ['Answer', m.max_tokens_lowered_to ? `Lowered to ${count(m.max_tokens_lowered_to)} tokens: a limit had no room for more` : 'Left as asked for'],
            ]} />
          </Part>
          <Part title="Limits at that moment" right={row.api_key && <Anchor component={Link} size="sm" to={`/keys/${row.api_key}?tab=limits`}>In force now</Anchor>}>
            {!mine ? <Loading /> : ((mine.limits ?? []) as Limit[]).length ? <MarkList rows={mine.limits as Limit[]} /> : <Text size="sm" c="dimmed">{m.usage_source === 'estimated' ? 'Not kept: the end of this request was never seen.' : 'No limit held for it, or it is from before they were kept.'}</Text>}
          </Part>
          <Part title="Tokens"><Facts rows={flat(m.usage_object).map(([k, v]) => [k, count(v)])} /></Part>
          <Part title="Cost"><Facts rows={Object.entries(m.cost_breakdown ?? {}).filter(([, v]) => v !== 0).map(([k, v]) => [words(k), money(v)])} /></Part>
          <Part title="When">
            <Facts rows={[['Began', row.startTime && local(row.startTime)], ['', row.startTime && <span style={{ color: 'var(--quiet)' }}>{utc(row.startTime)}</span>],
              ['First byte', row.completionStartTime && row.startTime && `after ${milliseconds(new Date(row.completionStartTime).getTime() - new Date(row.startTime).getTime())}`], ['Ended', row.endTime && local(row.endTime)]]} />
          </Part>
          <Part title="Ids"><Facts rows={[['Request', <Id key="r" value={row.request_id} width={300} />], ['Call', <Id key="c" value={row.litellm_call_id} width={300} />], ['Upstream', m.upstream_request_id && <Id key="u" value={m.upstream_request_id} width={300} />], ['Session', row.session_id]]} /></Part>
          <Part title="Metadata" right={<Copy value={JSON.stringify(row.metadata, null, 2)} what="metadata" />}><pre className="pre" style={{ maxHeight: 320 }} tabIndex={0} aria-label="Metadata">{JSON.stringify(row.metadata, null, 2)}</pre></Part>
        </Stack>
      )}
    </Drawer>
  )
}

function Figure({ label, value }: { label: string; value: string }) {
  return <div><Text size="xs" c="dimmed">{label}</Text><Text size="xl" fw={650} style={{ fontVariantNumeric: 'tabular-nums' }}>{value}</Text></div>
}

function Part({ title, right, children }: { title: string; right?: ReactNode; children: ReactNode }) {
  return <section><Group justify="space-between" mb={6}><Title order={3}>{title}</Title>{right}</Group>{children}</section>
}
