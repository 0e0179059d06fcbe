import { SimpleGrid, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { call } from '../../api/client'
import type { Key, Log } from '../../api/rows'
import { BudgetBar } from '../../shared/BudgetBar'
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

async function hash(key: string): Promise<string> {
  // Digests need a secure context; elsewhere the API hashes for us.
  if (!crypto.subtle) return key
  return [...new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key)))].map((b) => b.toString(16).padStart(2, '0')).join('')
}

/** What a call cost, and what is left. */
export function Outcome({ done, keyText }: { done: Done; keyText: string }) {
  const row = useQuery({ queryKey: ['playground', 'row', done.callId], queryFn: () => rowOf(done.callId!), enabled: done.callId !== null, retry: 20, retryDelay: 500, staleTime: Infinity })
  const key = useQuery({ queryKey: ['playground', 'key', done.callId], queryFn: async () => (await call('get', '/key/info', { params: { key: await hash(keyText) } })).info as Key })
  const left = done.headers.filter(([k]) => k.startsWith('x-ratelimit'))
  return (
    <>
      <Panel title="What it cost">
        <SimpleGrid cols={2}>
          <Stat label="Cost" value={row.data ? money(row.data.spend) : '…'} more={row.data ? <Link to={`/logs?request=${encodeURIComponent(row.data.request_id ?? '')}`}>In the logs</Link> : 'On its way into the journal'} />
          <Stat label="Tokens" value={done.usage ? `${count(done.usage.prompt_tokens)} + ${count(done.usage.completion_tokens)}` : count(row.data?.total_tokens)} more="in + out" />
          <Stat label="First byte" value={milliseconds(done.firstByte)} />
          <Stat label="Took" value={milliseconds(done.took)} />
        </SimpleGrid>
      </Panel>
      <Panel title="The key’s budget">{key.data ? <BudgetBar spend={key.data.spend} limit={key.data.max_budget} duration={key.data.budget_duration} wide /> : <Text size="sm" c="dimmed">{key.error ? 'You may not read this key.' : '…'}</Text>}</Panel>
      {left.length > 0 && <Panel title="Limits, as the answer’s headers say"><Facts rows={left.map(([k, v]) => [k.replace('x-ratelimit-', ''), v])} /></Panel>}
    </>
  )
}
