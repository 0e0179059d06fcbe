type Row = Record<string, number | string | null>

/** Series under numbers, with their names as labels: the chart takes a dot in a name, as gpt-3.5-turbo's, for a path. */
export function numbered(rows: Row[], series: string[], colorOf: (name: string) => string) {
  return {
    data: rows.map((r) => ({ date: r.date, ...Object.fromEntries(series.map((name, i) => [`s${i}`, r[name] ?? null])) })) as Record<string, number | string>[],
    series: series.map((name, i) => ({ name: `s${i}`, label: name, color: colorOf(name) })),
  }
}
