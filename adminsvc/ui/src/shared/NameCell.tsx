import { Link } from 'react-router'
import { Id } from './Id'
import { Tag } from './Tag'

type Props = { /** Null where it may not be opened. */ to: string | null; name: string; id?: string | null; blocked?: boolean | null; badge?: React.ReactNode; under?: string | null }

/** A row's first cell: its name over its id. */
export function NameCell({ to, name, id, blocked, badge, under }: Props) {
  return (
    <div style={{ minWidth: 0 }}>
      <div className="line">
        {to ? <Link className="name clip" to={to} style={{ maxWidth: 260 }} title={name}>{name}</Link> : <span className="clip" style={{ maxWidth: 260 }} title={name}>{name}</span>}
        {blocked && <Tag color="red">Blocked</Tag>}
        {badge}
      </div>
      {id && <Id value={id} width={190} />}
      {under && under !== name && <div className="mono quiet">{under}</div>}
    </div>
  )
}
