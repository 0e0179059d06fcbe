import { SimpleGrid, Text } from '@mantine/core'
import { Panel } from '../../shared/Panel'
import { day, daysAgo, money } from '../../shared/format'

/** What was spent on each of the last days, as plain bars: the chart's code is not loaded for them. */
export function Trend({ byDay, days }: { byDay: ReadonlyMap<string, number> | null; days: number }) {
  const shown = Array.from({ length: days }, (_, i) => daysAgo(days - 1 - i)).map((d) => ({ date: d, spend: byDay?.get(day(d)) ?? 0 }))
  const most = Math.max(...shown.map((d) => d.spend))
  const written = (d: Date) => d.toLocaleDateString(undefined, { month: 'short', day: 'numeric' })
  const all = shown.map((d) => `${written(d.date)} ${money(d.spend)}`).join(', ')
  return (
    <Panel title={`Spend in the last ${days} days`} right={<Text size="sm" c="dimmed">{byDay && most > 0 ? `highest day ${money(most)}` : ''}</Text>}>
      <div className="trend" role="img" aria-label={byDay ? all : 'Not known yet'}>
        {shown.map((d) => <span key={day(d.date)} data-tip={`${written(d.date)}\n${money(d.spend)}`}><i style={{ height: most > 0 ? `${Math.max(d.spend > 0 ? 3 : 0, (100 * d.spend) / most)}%` : 0 }} /></span>)}
      </div>
      <SimpleGrid cols={2} mt={4}><Text size="xs" c="dimmed">{written(shown[0]!.date)}</Text><Text size="xs" c="dimmed" ta="right">Today</Text></SimpleGrid>
    </Panel>
  )
}
