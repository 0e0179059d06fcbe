import { Group, Text } from '@mantine/core'
import { every, money } from './format'
import { Meter } from './Meter'

type Props = { spend: number | null | undefined; limit: number | null | undefined; duration?: string | null; wide?: boolean }

/** What was spent of a budget: an amount over a bar. */
export function BudgetBar({ spend, limit, duration, wide }: Props) {
  const used = spend ?? 0
  if (limit === null || limit === undefined) {
    return <Text size="sm" className="num" ta="left">{money(used)} <Text span size="sm" c="dimmed">· no limit</Text></Text>
  }
  if (limit === 0) return <Text size="sm" c="red" fw={500}>Blocked by a budget of $0</Text>
  return (
    <div style={{ minWidth: 132 }}>
      <Group justify="space-between" gap={8} wrap="nowrap">
        <Text size="sm" className="num">{money(used)} <Text span size="sm" c="dimmed">of {money(limit)}</Text></Text>
        {wide && <Text size="xs" c="dimmed">{every(duration)}</Text>}
      </Group>
      <Meter used={used} limit={limit} label={`${money(used)} of ${money(limit)} spent`} />
    </div>
  )
}
