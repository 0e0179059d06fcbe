/** How many rows have come, for who waits. */
export type Told = (rows: number) => void

/** All rows of a list that the API answers in pages: for an export. */
export async function everyPage<R>(ask: (page: number) => Promise<{ rows: R[]; pages: number }>, told: Told): Promise<R[]> {
  const out: R[] = []
  for (let page = 1; ; page++) {
    const part = await ask(page)
    out.push(...part.rows)
    told(out.length)
    if (page >= part.pages || part.rows.length === 0) return out
  }
}
