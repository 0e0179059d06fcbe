import type { ReactNode } from 'react'

/** A column of a list. */
export type Column<R> = {
  id: string
  title: string
  cell: (row: R) => ReactNode
  /** What it sorts by and what an export holds; without it the column does neither. */
  value?: (row: R) => string | number | null | undefined
  /** The API's name for sorting by it, where the API sorts. */
  sort?: string | boolean
  align?: 'right'
  /** Hidden below a width: "wide" on phones, "xwide" below 1200 px. */
  from?: 'wide' | 'xwide'
  /** Not shown until chosen under Columns. */
  hidden?: boolean
  width?: number
}
