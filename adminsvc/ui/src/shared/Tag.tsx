import type { ReactNode } from 'react'

type Props = { color?: 'gray' | 'green' | 'red' | 'orange' | 'sea'; tip?: string; count?: boolean; children: ReactNode }

/** A coloured word in a row: a badge as the rest of the UI has, of one plain element. */
export function Tag({ color = 'gray', tip, count, children }: Props) {
  return <span className="tag" data-color={color} data-count={count || undefined} data-tip={tip} tabIndex={tip ? 0 : undefined}>{children}</span>
}

/** What is not there, or not much. */
export const Quiet = ({ children = '–' }: { children?: ReactNode }) => <span className="quiet">{children}</span>
