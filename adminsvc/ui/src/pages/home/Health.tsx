import { Alert, Badge, Group, Stack, Text, Tooltip } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { useRows } from '../../api/raw'
import { ErrorBox } from '../../shared/ErrorBox'
import { count, milliseconds, money } from '../../shared/format'
import { Panel } from '../../shared/Panel'
import { When } from '../../shared/When'

type Part = { status: 'up' | 'down' | 'not used'; took_ms: number }
type System = {
  status: string; problems: string[]; version: string; postgresql: Part; redis: Part
  journal: { waiting_in_redis: number | null; waiting_in_spools: number; oldest_seconds: number }
  ledger: { compared_at: string | null; differing_counters: number | null; difference: number | null }
  replicas: { id: string; kind: string; alive: boolean; behind: number; seen_seconds_ago: number }[]
  data_planes: { id: string; open_requests: number; alone: boolean }[]
}

/** Whether the gateway's parts run, as GET /health/system says. */
export function Health() {
  const { data, error } = useRows<System>('/health/system', {}, { every: 15_000 })
  const planes = data?.replicas.filter((r) => r.kind === 'extproc') ?? []
  const alive = planes.filter((r) => r.alive)
  const waiting = (data?.journal.waiting_in_redis ?? 0) + (data?.journal.waiting_in_spools ?? 0)
  return (
    <Panel title="Health" right={data && <Badge color={data.status === 'healthy' ? 'green' : 'red'}>{data.status === 'healthy' ? 'All is well' : 'Look here'}</Badge>}>
      <ErrorBox error={error} />
      {data && (
        <Stack gap={8}>
          {data.problems.map((p) => <Alert key={p} color="red" variant="light" py={6} icon={<IconAlertTriangle size={16} />}>{p.replace(/^./, (c) => c.toUpperCase())}</Alert>)}
          <Line name="PostgreSQL"><Up part={data.postgresql} /></Line>
          <Line name="Redis"><Up part={data.redis} /></Line>
          <Line name="Data planes (extproc)" help={planes.map((r) => `${r.id}: seen ${Math.round(r.seen_seconds_ago)} s ago, ${count(r.behind)} changes behind`).join('\n')}><Badge color={alive.length && alive.length === planes.length ? 'green' : 'orange'}>{alive.length} of {planes.length} alive</Badge></Line>
          <Line name="Requests under way">{data.data_planes.length ? count(data.data_planes.reduce((n, p) => n + p.open_requests, 0)) : '–'}</Line>
          <Line name="Journal" help="Finished requests that are not in PostgreSQL yet: in Redis, and in the data planes' spools.">{waiting ? <>{count(waiting)} waiting{data.journal.oldest_seconds > 0 && <>, the oldest {Math.round(data.journal.oldest_seconds)} s</>}</> : 'Nothing waits'}</Line>
          <Line name="Ledger" help="What the counters that limits go by and the tables that bills go by last differed by. What differs is set right.">
            {data.ledger.compared_at === null ? <Text span size="sm" c="dimmed">Not compared yet</Text> : data.ledger.differing_counters ? <Badge color="orange">{count(data.ledger.differing_counters)} counters differed, by {money(data.ledger.difference)}</Badge> : <><Badge color="green">Counters and tables agree</Badge> <Text span size="xs" c="dimmed"><When at={data.ledger.compared_at} /></Text></>}
          </Line>
          <Line name="Version"><span className="mono">{data.version}</span></Line>
        </Stack>
      )}
    </Panel>
  )
}

function Line({ name, help, children }: { name: string; help?: string; children: ReactNode }) {
  return <Group justify="space-between" wrap="nowrap" gap={12}>{help ? <Tooltip label={<span style={{ whiteSpace: 'pre-line' }}>{help}</span>}><Text size="sm" tabIndex={0} className="hinted">{name}</Text></Tooltip> : <Text size="sm">{name}</Text>}<Text component="div" size="sm" ta="right">{children}</Text></Group>
}

function Up({ part }: { part: Part }) {
  if (part.status === 'not used') return <Text span size="sm" c="dimmed">Not used</Text>
  return part.status === 'up' ? <><Text span size="xs" c="dimmed">{milliseconds(Math.max(1, part.took_ms))}</Text> <Badge color="green">Up</Badge></> : <Badge color="red">Down</Badge>
}
