import { Group, Stack, Text } from '@mantine/core'
import { Link } from 'react-router'
import { count, money } from '../../shared/format'
import { LoadingLines } from '../../shared/Loading'
import { Panel } from '../../shared/Panel'
import type { Metric, Total } from './activity'
import { useColours } from '../../shared/useColours'

/** Who used most, as bars of the first: in the colours of the chart where they are in it, else in the accent. */
export function TopList({ title, rows, metric, link, coloured, loading }: { title: string; rows: Total[]; metric: Metric; coloured?: boolean; loading?: boolean; link?: (r: Total) => string | null }) {
  const colorOf = useColours()
  const shown = rows.filter((r) => r.metrics[metric] > 0).slice(0, 10)
  const most = shown[0]?.metrics[metric] ?? 1
  const format = metric === 'spend' ? money : count
  return (
    <Panel title={title}>
      {loading && <LoadingLines />}
      {!loading && !shown.length && <Text size="sm" c="dimmed">None in this time.</Text>}
      <Stack gap={9}>
        {shown.map((r) => {
          const to = link?.(r)
          return (
          <div key={r.id}>
            <Group justify="space-between" gap={8} wrap="nowrap">
              <Text size="sm" className="clip" title={r.id}>{to ? <Link className="plain" to={to}>{r.name}</Link> : r.name}</Text>
              <Text size="sm" className="num">{format(r.metrics[metric])} <Text span size="xs" c="dimmed">{metric === 'spend' ? `${count(r.metrics.api_requests)} calls` : money(r.metrics.spend)}</Text></Text>
            </Group>
            <div className="meter" aria-hidden style={{ marginTop: 3, height: 5 }}><span style={{ width: `${(100 * r.metrics[metric]) / most}%`, background: coloured ? colorOf(r.name) : 'var(--mantine-primary-color-filled)' }} /></div>
          </div>
          )
        })}
      </Stack>
    </Panel>
  )
}
