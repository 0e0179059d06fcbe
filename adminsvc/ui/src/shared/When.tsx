import { Tooltip } from '@mantine/core'
import { ago, local, utc } from './format'

/** A time in words; the viewer's own and UTC on hover. */
export function When({ at, none = '–', full }: { at: string | null | undefined; none?: string; full?: boolean }) {
  if (!at) return <span>{none}</span>
  return (
    <Tooltip label={<>{local(at)}<br />{utc(at)}</>}>
      <time dateTime={at} style={{ whiteSpace: 'nowrap' }}>{full ? local(at) : ago(at)}</time>
    </Tooltip>
  )
}
