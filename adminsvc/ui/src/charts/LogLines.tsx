import '@mantine/charts/styles.css'
import { LineChart } from '@mantine/charts'
import { useMemo } from 'react'
import { useColours } from '../shared/useColours'
import { numbered } from './numbered'

type Props = { rows: Record<string, number | string>[]; series: string[]; format: (v: number) => string; label: string }

/** Amounts by day on a logarithmic scale. Lines, as stacked bars would lie there: the height of a part would depend on those below. */
export default function LogLines({ rows, series, format, label }: Props) {
  const colorOf = useColours()
  const date = (s: string) => new Date(`${s}T00:00:00Z`).toLocaleDateString(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' })
  // Nothing is on no logarithmic scale: such days are gaps.
  const { data, domain } = useMemo(() => {
    let low = Infinity, high = 0
    const data = rows.map((r): Record<string, number | string | null> => Object.fromEntries(Object.entries(r).map(([k, v]) => {
      if (k === 'date') return [k, v]
      const n = Number(v)
      if (!(n > 0)) return [k, null]
      low = Math.min(low, n)
      high = Math.max(high, n)
      return [k, n]
    })))
    const whole = high ? ([10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high * 1.0001))] as [number, number]) : ([1, 10] as [number, number])
    return { data, domain: whole }
  }, [rows])
  const drawn = numbered(data, series, colorOf)
  const ticks = []
  for (let t = domain[0]; t <= domain[1] * 1.0001; t *= 10) ticks.push(t)
  return (
    <div role="img" aria-label={label}>
      <LineChart h={300} data={drawn.data} dataKey="date" series={drawn.series} curveType="linear" valueFormatter={format} withLegend legendProps={{ verticalAlign: 'bottom' }} gridAxis="x" tickLine="none" connectNulls={false} dotProps={{ r: 2.5 }}
        xAxisProps={{ tickFormatter: date, minTickGap: 24 }} yAxisProps={{ width: 62, scale: 'log', domain, ticks, allowDataOverflow: true, interval: 0 }} lineChartProps={{ margin: { top: 8 } }} lineProps={{ isAnimationActive: false }} tooltipAnimationDuration={0} />
    </div>
  )
}
