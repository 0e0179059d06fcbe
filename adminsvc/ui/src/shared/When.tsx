import { ago, local, utc } from './format'

/** A time in words; the viewer's own and UTC on hover. */
export function When({ at, none = '–', full }: { at: string | null | undefined; none?: string; full?: boolean }) {
  if (!at) return <span>{none}</span>
  return <time dateTime={at} data-tip={`${local(at)}\n${utc(at)}`} style={{ whiteSpace: 'nowrap' }}>{full ? local(at) : ago(at)}</time>
}
