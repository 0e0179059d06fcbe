import { Quiet, Tag } from './Tag'

/** The models something may call: the first few, the rest on hover. */
export function Models({ models, all = 'All models', most = 2 }: { models: string[] | null | undefined; all?: string; most?: number }) {
  if (!models?.length) return <Quiet>{all}</Quiet>
  const rest = models.slice(most)
  return (
    <div className="line" data-wrap={most > 5 || undefined}>
      {models.slice(0, most).map((m) => <Tag key={m}>{m}</Tag>)}
      {rest.length > 0 && <Tag tip={rest.join(', ')}>+{rest.length}</Tag>}
    </div>
  )
}
