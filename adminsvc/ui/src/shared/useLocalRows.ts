import { useMemo } from 'react'
import type { Column } from './column'
import type { ListState } from './useListState'

// Made once: localeCompare with options makes one for each pair, a second and a half for 2,000 rows.
const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

/** Searches, sorts and pages rows that the API answers whole. */
export function useLocalRows<R>(all: R[] | undefined, list: ListState, columns: Column<R>[], text: (r: R) => string, keep?: (r: R) => boolean) {
  return useMemo(() => {
    const words = list.q.toLowerCase().split(/\s+/).filter(Boolean)
    let rows = (all ?? []).filter((r) => (!keep || keep(r)) && (!words.length || words.every((w) => text(r).toLowerCase().includes(w))))
    const by = columns.find((c) => c.id === list.sort)?.value
    if (by) {
      rows = [...rows].sort((a, b) => {
        const x = by(a), y = by(b)
        if (x === y) return 0
        if (x === null || x === undefined) return 1
        if (y === null || y === undefined) return -1
        const order = typeof x === 'number' && typeof y === 'number' ? x - y : byName.compare(String(x), String(y))
        return list.desc ? -order : order
      })
    }
    const page = Math.min(list.page, Math.max(1, Math.ceil(rows.length / list.size)))
    return { rows: rows.slice((page - 1) * list.size, page * list.size), total: rows.length, all: rows }
    // text and keep are made anew by each render of the page; what they read is in the list's state.
    // eslint-disable-next-line
  }, [all, list, columns])
}
