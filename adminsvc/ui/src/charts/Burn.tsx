import '@mantine/charts/styles.css'
import { LineChart } from '@mantine/charts'
import { money, shortMoney } from '../shared/format'

type Props = { rows: { date: string; spent: number | null; projected: number | null }[]; limit: number; label: string }

/** What was spent of a budget's window so far, where it leads, and the limit. */
export default function Burn({ rows, limit, label }: Props) {
  const date = (s: string) => new Date(`${s}T00:00:00Z`).toLocaleDateString(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' })
  return (
    <div role="img" aria-label={label}>
      <LineChart h={240} data={rows} dataKey="date" series={[{ name: 'spent', label: 'Spent', color: 'sea.7' }, { name: 'projected', label: 'Projected', color: 'gray.6', strokeDasharray: '5 5' }]} curveType="linear" withDots={false} valueFormatter={shortMoney} gridAxis="x" tickLine="none" withLegend
        referenceLines={[{ y: limit, label: `Limit ${money(limit)}`, color: 'red.6', labelPosition: 'insideTopRight' }]} xAxisProps={{ tickFormatter: date, minTickGap: 24 }} yAxisProps={{ width: 62, domain: [0, (max: number) => Math.max(max, limit) * 1.08] }} lineProps={{ isAnimationActive: false }} connectNulls={false} tooltipAnimationDuration={0} />
    </div>
  )
}
