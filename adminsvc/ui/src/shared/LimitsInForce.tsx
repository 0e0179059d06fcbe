import { useRows } from '../api/raw'
import { ErrorBox } from './ErrorBox'
import type { Limit } from './limit'
import { LimitTable } from './LimitTable'
import { Panel } from './Panel'

type Of = { key: string } | { team_id: string } | { project_id: string } | { user_id: string } | { organization_id: string }

/** Every limit that holds for the calls of a key, or of one that a team, project, user or organization would have; the bars move. */
export function LimitsInForce({ of, title = 'Limits in force', seconds = 5 }: { of: Of; title?: string; seconds?: number }) {
  const answer = useRows<{ limits: Limit[] }>('/limits', of, { every: seconds * 1000 })
  return (
    <Panel title={title} about={`Every scope that applies, in the order it is checked; asked again every ${seconds} seconds.`} pad={false}>
      {answer.error ? <div style={{ padding: 16 }}><ErrorBox error={answer.error} /></div> : <LimitTable rows={answer.data?.limits} loading={answer.isPending} />}
    </Panel>
  )
}
