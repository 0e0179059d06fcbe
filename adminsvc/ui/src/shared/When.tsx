import { ago, clock, local, utc } from './format'

type Props = { at: string | null | undefined; none?: string; full?: boolean; exact?: boolean }

/** A time in words, or to the second where rows are told apart by it; the viewer's own and UTC on hover. */
export function When({ at, none = '–', full, exact }: Props) {
  if (!at) return <span>{none}</span>
  return <time dateTime={at} className={exact ? 'clock' : undefined} data-tip={`${exact ? `${ago(at)}\n` : ''}${local(at)}\n${utc(at)}`} style={{ whiteSpace: 'nowrap' }}>{full ? local(at) : exact ? clock(at) : ago(at)}</time>
}
