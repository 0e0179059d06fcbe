import '@mantine/charts/styles.css'
import { LineChart } from '@mantine/charts'
import { money, shortMoney } from '../shared/format'

/** Four or five round amounts from nothing to above the highest. */
function steps(high: number): number[] {
  const unit = 10 ** Math.floor(Math.log10(high / 4))
  const step = unit * ([1, 2, 2.5, 5, 10].find((n) => n * unit * 4 >= high) ?? 10)
  return Array.from({ length: Math.ceil((high * 1.02) / step) + 1 }, (_, i) => Number((i * step).toPrecision(12)))
}

type Props = { rows: { date: string; spent: number | null; projected: number | null }[]; limit: number; label: string }

/** What was spent of a budget's window so far, where it leads, and the limit. */
export default function Burn({ rows, limit, label }: Props) {
  const date = (s: string) => new Date(`${s}T00:00:00Z`).toLocaleDateString(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' })
  const ticks = steps(rows.reduce((n, r) => Math.max(n, r.spent ?? 0, r.projected ?? 0), limit))
  return (
    <div role="img" aria-label={label}>
      <LineChart h={240} data={rows} dataKey="date" series={[{ name: 'spent', label: 'Spent', color: 'sea.7' }, { name: 'projected', label: 'Projected', color: 'gray.6', strokeDasharray: '5 5' }]} curveType="linear" withDots={false} valueFormatter={shortMoney} gridAxis="x" tickLine="none" withLegend
        referenceLines={[{ y: limit, label: `Limit ${money(limit)}`, color: 'red.6', labelPosition: 'insideTopRight' }]} xAxisProps={{ tickFormatter: date, minTickGap: 24 }} yAxisProps={{ width: 62, domain: [0, ticks.at(-1)!], ticks, interval: 0 }} lineChartProps={{ margin: { top: 8 } }} lineProps={{ isAnimationActive: false }} connectNulls={false} tooltipAnimationDuration={0} />
    </div>
  )
}
