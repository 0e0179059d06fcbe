import { SimpleGrid } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { call } from '../../api/client'
import type { Log } from '../../api/rows'
import { Facts } from '../../shared/Facts'
import { count, milliseconds, money } from '../../shared/format'
import { Panel } from '../../shared/Panel'
import { Stat } from '../../shared/Stat'
import type { Done } from './stream'

/** The log row of a call, as soon as it is written: the journal is a moment behind the answer. */
async function rowOf(id: string): Promise<Log> {
  const day = new Date(Date.now() - 864e5).toISOString().slice(0, 10)
  const found = await call('get', '/spend/logs/ui', { params: { request_id: id, start_date: day, page_size: 1 } as never })
  const row = ((found.data ?? []) as Log[])[0]
  if (!row) throw new Error('not yet')
  return row
}

/** What a call cost, and what is left. */
export function Outcome({ done }: { done: Done }) {
  const row = useQuery({ queryKey: ['playground', 'row', done.callId], queryFn: () => rowOf(done.callId!), enabled: done.callId !== null, retry: 20, retryDelay: 500, staleTime: Infinity })
  const left = done.headers.filter(([k]) => k.startsWith('x-ratelimit'))
  return (
    <>
      <Panel title="What it cost">
        <SimpleGrid cols={2}>
          <Stat label="Cost" value={row.data ? money(row.data.spend) : '…'} more={row.data ? <Link to={`/logs?open=${encodeURIComponent(row.data.litellm_call_id ?? '')}`}>In the logs</Link> : 'On its way into the journal'} />
          <Stat label="Tokens" value={done.usage ? `${count(done.usage.prompt_tokens)} + ${count(done.usage.completion_tokens)}` : count(row.data?.total_tokens)} more="in + out" />
          <Stat label="First byte" value={milliseconds(done.firstByte)} />
          <Stat label="Took" value={milliseconds(done.took)} />
        </SimpleGrid>
      </Panel>
      {left.length > 0 && <Panel title="Limits, as the answer’s headers say"><Facts rows={left.map(([k, v]) => [k.replace('x-ratelimit-', ''), v])} /></Panel>}
    </>
  )
}
