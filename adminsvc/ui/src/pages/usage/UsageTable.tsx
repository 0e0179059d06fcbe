type Row = Record<string, number | string>

/** The chart's figures as a table, with the sums of days and of columns. */
export function UsageTable({ rows, series, format, add }: { rows: Row[]; series: string[]; format: (v: number) => string; add: (a: number, b: number) => number }) {
  const of = (r: Row, s: string) => Number(r[s] ?? 0)
  const across = (r: Row) => series.reduce((n, s) => add(n, of(r, s)), 0)
  const down = (s: string) => rows.reduce((n, r) => add(n, of(r, s)), 0)
  const several = series.length > 1
  return (
    <div className="grid-scroll" style={{ maxHeight: 420 }} tabIndex={0} role="region" aria-label="Usage by day, scrollable">
      <table className="grid" aria-label="Usage by day">
        <thead><tr><th scope="col">Day</th>{several && <th scope="col" className="num">Total</th>}{series.map((s) => <th key={s} scope="col" className="num">{s}</th>)}</tr></thead>
        <tbody>
          <tr style={{ fontWeight: 600 }}><td>All days</td>{several && <td className="num">{format(rows.reduce((n, r) => add(n, across(r)), 0))}</td>}{series.map((s) => <td key={s} className="num">{format(down(s))}</td>)}</tr>
          {[...rows].reverse().map((r) => <tr key={String(r.date)}><td style={{ whiteSpace: 'nowrap' }}>{r.date}</td>{several && <td className="num">{format(across(r))}</td>}{series.map((s) => <td key={s} className={of(r, s) ? 'num' : 'num quiet'}>{of(r, s) ? format(of(r, s)) : '–'}</td>)}</tr>)}
        </tbody>
      </table>
    </div>
  )
}
