import { Fragment, type ReactNode } from 'react'

/** Names and values; what is not set is left out. */
export function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return <dl className="facts">{rows.filter(([, v]) => v !== null && v !== undefined && v !== '' && v !== false).map(([k, v]) => <Fragment key={k}><dt>{k}</dt><dd>{v}</dd></Fragment>)}</dl>
}
