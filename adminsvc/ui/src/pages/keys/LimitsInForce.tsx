import { useRows } from '../../api/raw'
import { ErrorBox } from '../../shared/ErrorBox'
import type { Limit } from '../../shared/limit'
import { LimitTable } from '../../shared/LimitTable'
import { Panel } from '../../shared/Panel'

/** Every limit that holds for a key's calls. */
export function LimitsInForce({ id }: { id: string }) {
  const answer = useRows<{ limits: Limit[] }>('/limits', { key: id }, { every: 5000 })
  return (
    <Panel title="Limits in force" about="Every scope that applies, in the order it is checked; asked again every 5 seconds." pad={false}>
      {answer.error ? <div style={{ padding: 16 }}><ErrorBox error={answer.error} /></div> : <LimitTable rows={answer.data?.limits ?? []} />}
    </Panel>
  )
}
