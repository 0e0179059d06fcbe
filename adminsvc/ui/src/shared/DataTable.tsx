import { Skeleton } from '@mantine/core'
import { IconArrowDown, IconArrowsSort, IconArrowUp } from '@tabler/icons-react'
import { getCoreRowModel, useReactTable } from '@tanstack/react-table'
import { memo, type MouseEvent, type ReactNode, type RefObject, useMemo, useRef } from 'react'
import { useNavigate } from 'react-router'
import type { Column } from './column'
import type { ListState } from './useListState'

type Props<R> = {
  label: string
  columns: Column<R>[]
  rows: R[] | undefined
  rowKey: (r: R) => string
  loading?: boolean
  list?: ListState
  link?: (r: R) => string
  onRow?: (r: R) => void
  isNew?: (r: R) => boolean
  empty?: ReactNode
}

const classes = (c: Column<never> | undefined) => [c?.align === 'right' ? 'num' : '', c?.from ? `${c.from}-only` : ''].filter(Boolean).join(' ') || undefined

// Called, not rendered as a component: a cell's function is new whenever the page's columns are, and React would make each
// cell of a component that is another one anew.
const cell = <R,>(c: Column<R>, row: R) => c.cell(row)

type Act = (e: MouseEvent, r: unknown) => void

/** A row is drawn again when it or the columns change, not when the page around it does. */
const Row = memo(function Row({ row, columns, act, fresh }: { row: unknown; columns: Column<unknown>[]; act: RefObject<Act> | null; fresh: boolean }) {
  return (
    <tr data-link={act ? '' : undefined} data-new={fresh ? '' : undefined} onClick={act ? (e) => act.current(e, row) : undefined}>
      {columns.map((c) => <td key={c.id} className={classes(c as Column<never>)}>{cell(c, row)}</td>)}
    </tr>
  )
})

/** Rows with a sticky header; sorting is the list's state, so that the URL holds it. */
export function DataTable<R>({ label, columns, rows, rowKey, loading, list, link, onRow, isNew, empty }: Props<R>) {
  const navigate = useNavigate()
  const table = useReactTable({
    data: useMemo(() => rows ?? [], [rows]),
    columns: useMemo(() => columns.map((c) => ({ id: c.id, header: c.title, meta: c })), [columns]),
    getCoreRowModel: getCoreRowModel(),
    getRowId: rowKey,
    manualSorting: true,
  })
  // What a click does may be made anew by each render of the page; the rows need not be drawn again for it.
  const act = useRef<(e: MouseEvent, r: R) => void>(() => {})
  act.current = (e, r) => {
    if ((e.target as Element).closest('a,button,input,label,[role=menu]') || getSelection()?.toString()) return
    if (onRow) onRow(r)
    else if (link) void navigate(link(r))
  }
  const opens = !!(link || onRow)
  if (!loading && rows?.length === 0 && empty) return <>{empty}</>
  return (
    <div className="grid-scroll" tabIndex={0} role="region" aria-label={`${label}, scrollable`}>
      <table className="grid" aria-label={label} aria-busy={loading}>
        <thead>
          {table.getHeaderGroups().map((g) => (
            <tr key={g.id}>
              {g.headers.map((h) => {
                const c = h.column.columnDef.meta as Column<never>
                const sorted = list?.sort === c.id
                return (
                  <th key={h.id} scope="col" className={classes(c)} style={{ width: c.width }} aria-sort={sorted ? (list?.desc ? 'descending' : 'ascending') : undefined}>
                    {list && c.sort ? (
                      <button type="button" className="sort" onClick={() => list.set({ sort: c.id, desc: sorted && !list.desc ? '1' : '0' })}>
                        {c.title}
                        {sorted ? (list.desc ? <IconArrowDown size={13} /> : <IconArrowUp size={13} />) : <IconArrowsSort size={13} opacity={0.4} />}
                      </button>
                    ) : c.title}
                  </th>
                )
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {loading && !rows?.length
            ? Array.from({ length: 8 }, (_, i) => <tr key={i}>{columns.map((c) => <td key={c.id} className={classes(c as Column<never>)}><Skeleton height={14} width="70%" /></td>)}</tr>)
            : table.getRowModel().rows.map((r) => <Row key={r.id} row={r.original} columns={columns as Column<unknown>[]} act={opens ? (act as RefObject<Act>) : null} fresh={isNew?.(r.original) ?? false} />)}
        </tbody>
      </table>
    </div>
  )
}
