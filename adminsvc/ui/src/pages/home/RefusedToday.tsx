import { Anchor, Group, Stack, Text } from '@mantine/core'
import { Link } from 'react-router'
import { useRows } from '../../api/raw'
import { ErrorBox } from '../../shared/ErrorBox'
import { count, day, daysAgo } from '../../shared/format'
import { LoadingLines } from '../../shared/Loading'
import { Panel } from '../../shared/Panel'
import { type Refusal, reasonName } from '../logs/Refusals'

/** Refusals since yesterday, by reason. */
export function RefusedToday() {
  const answer = useRows<{ refusals: Refusal[]; total: number }>('/refusals', { start_date: day(daysAgo(1)), page_size: 1000 })
  const by = new Map<string, number>()
  for (const r of answer.data?.refusals ?? []) by.set(r.reason, (by.get(r.reason) ?? 0) + r.count)
  const rows = [...by].sort((a, b) => b[1] - a[1])
  return (
    <Panel title="Refused since yesterday" right={<Anchor component={Link} to="/logs?tab=refusals" size="sm">All refusals</Anchor>}>
      <ErrorBox error={answer.error} />
      {answer.isPending && <LoadingLines />}
      {answer.data && !rows.length && <Text size="sm" c="dimmed">Nothing was refused.</Text>}
      <Stack gap={8}>{rows.map(([reason, n]) => <Group key={reason} justify="space-between"><Text size="sm">{reasonName(reason)}</Text><Text size="sm" className="num" fw={600}>{count(n)}</Text></Group>)}</Stack>
    </Panel>
  )
}
