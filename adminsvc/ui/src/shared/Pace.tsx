import { Text } from '@mantine/core'
import { burnOf } from './burn'
import { When } from './When'

type Row = { spend?: number | null; max_budget?: number | null; budget_duration?: string | null; budget_reset_at?: string | null }

/** When a budget runs out if spending goes on as it has, and when it is full again. */
export function Pace({ row }: { row: Row }) {
  const burn = burnOf(row)
  const resets = row.budget_reset_at && <>Resets <When at={row.budget_reset_at} />.</>
  if (!burn && !resets) return null
  return (
    <Text size="xs" c="dimmed" mt={8} component="div">
      {burn && burn.part >= 1 ? <Text span inherit c="red" fw={600}>Used up. </Text> : burn?.runsOut ? <>At this pace it <Text span inherit fw={600} c="var(--warn)">runs out <When at={burn.runsOut.toISOString()} /></Text>. </> : burn && burn.perDay > 0 && 'At this pace it lasts until it resets. '}
      {resets}
    </Text>
  )
}
