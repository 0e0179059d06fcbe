/** The chart's figures as a table. */
export function UsageTable({ rows, series, format }: { rows: Record<string, number | string>[]; series: string[]; format: (v: number) => string }) {
  return (
    <div className="grid-scroll" style={{ maxHeight: 420 }} tabIndex={0} role="region" aria-label="Usage by day, scrollable">
      <table className="grid" aria-label="Usage by day">
        <thead><tr><th scope="col">Day</th>{series.map((s) => <th key={s} scope="col" className="num">{s}</th>)}</tr></thead>
        <tbody>{[...rows].reverse().map((r) => <tr key={String(r.date)}><td style={{ whiteSpace: 'nowrap' }}>{r.date}</td>{series.map((s) => <td key={s} className="num">{format((r[s] as number) ?? 0)}</td>)}</tr>)}</tbody>
      </table>
    </div>
  )
}
