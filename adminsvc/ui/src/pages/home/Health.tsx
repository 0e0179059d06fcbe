import { Badge, Group, Stack, Text } from '@mantine/core'
import { useApi } from '../../api/queries'
import { ErrorBox } from '../../shared/ErrorBox'
import { Panel } from '../../shared/Panel'

const names: Record<string, string> = { status: 'Admin service', db: 'PostgreSQL', redis: 'Redis', cache: 'Ledger', extproc: 'Data planes', litellm_version: 'Version', journal_lag: 'Journal lag' }
const good = new Set(['healthy', 'connected', 'ok', 'ready'])

/** What of the gateway runs, as GET /health/readiness says. */
export function Health() {
  const { data, error } = useApi('/health/readiness', {}, { every: 15_000 })
  return (
    <Panel title="Health">
      <ErrorBox error={error} />
      <Stack gap={8}>
        {Object.entries((data ?? {}) as Record<string, unknown>).filter(([, v]) => typeof v === 'string' || typeof v === 'number').map(([k, v]) => (
          <Group key={k} justify="space-between"><Text size="sm">{names[k] ?? k.replaceAll('_', ' ')}</Text>{good.has(String(v)) ? <Badge color="green">{String(v)}</Badge> : <Text size="sm" className="mono">{String(v)}</Text>}</Group>
        ))}
      </Stack>
    </Panel>
  )
}
