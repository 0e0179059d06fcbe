import '@mantine/charts/styles.css'
import { BarChart } from '@mantine/charts'
import { numbered } from './numbered'
import { useColours } from '../shared/useColours'

type Props = { rows: Record<string, number | string>[]; series: string[]; format: (v: number) => string; label: string }

/** Stacked bars by day. The table behind it says the same to who cannot see it. */
export default function StackedBars({ rows, series, format, label }: Props) {
  const colorOf = useColours()
  const date = (s: string) => new Date(`${s}T00:00:00Z`).toLocaleDateString(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' })
  const drawn = numbered(rows, series, colorOf)
  return (
    <div role="img" aria-label={label}>
      <BarChart h={300} data={drawn.data} dataKey="date" type="stacked" series={drawn.series} valueFormatter={format} withLegend legendProps={{ verticalAlign: 'bottom' }} gridAxis="x" tickLine="none" maxBarWidth={46}
        xAxisProps={{ tickFormatter: date, minTickGap: 24 }} yAxisProps={{ width: 62 }} barChartProps={{ margin: { top: 8 } }} barProps={{ isAnimationActive: false }} tooltipAnimationDuration={0} />
    </div>
  )
}
