import { every, money } from './format'
import { Meter } from './Meter'

type Props = { spend: number | null | undefined; limit: number | null | undefined; duration?: string | null; wide?: boolean }

/** What was spent of a budget: an amount over a bar. */
export function BudgetBar({ spend, limit, duration, wide }: Props) {
  const used = spend ?? 0
  if (limit === null || limit === undefined) return <span className="amount">{money(used)} <span className="quiet">· no limit</span></span>
  if (limit === 0) return <span className="amount bad">Blocked by a budget of $0</span>
  return (
    <div style={{ minWidth: 132 }}>
      <div className="line" style={{ justifyContent: 'space-between' }}>
        <span className="amount">{money(used)} <span className="quiet">of {money(limit)}</span></span>
        {wide && <span className="quiet" style={{ fontSize: 12 }}>{every(duration)}</span>}
      </div>
      <Meter used={used} limit={limit} label={`${money(used)} of ${money(limit)} spent`} />
    </div>
  )
}
