import { Badge, Text } from '@mantine/core'
import type { Column } from './column'
import { DataTable } from './DataTable'
import { amount, kindName, type Limit, scopeName, windowName } from './limit'
import { Meter } from './Meter'
import { ScopeOf } from './ScopeOf'
import { When } from './When'

/** Limits in the order they are checked: used, held by requests under way, and when they free. */
export function LimitTable({ rows, asked, loading }: { rows: Limit[] | undefined; asked?: boolean; loading?: boolean }) {
  const columns: Column<Limit>[] = [
    { id: 'scope', title: 'Of', cell: (l) => <ScopeOf of={l} /> },
    { id: 'what', title: 'Limit', cell: (l) => <div><Text size="sm">{kindName(l.kind)} {windowName(l.window)}{asked && l.refuses && <Badge ml={6} size="sm" color="red">Refuses</Badge>}</Text>{l.model && <Text size="xs" c="dimmed">{l.model}</Text>}</div> },
    { id: 'used', title: 'Used of limit', width: 190, cell: (l) => l.hidden || l.limit === null ? <Text size="sm" c="dimmed">Its owner sees it</Text> : (
      <div style={{ minWidth: 130 }}>
        <Text size="sm" className="num" ta="left">{amount(l.used, l.unit)} <Text span size="sm" c="dimmed">of {amount(l.limit, l.unit)}</Text></Text>
        <Meter used={l.used ?? 0} held={l.reserved ?? 0} limit={l.limit} label={`${scopeName(l.scope)} ${kindName(l.kind)}: ${amount(l.used, l.unit)} of ${amount(l.limit, l.unit)}`} />
      </div>
    ) },
    { id: 'held', title: 'Held', align: 'right', from: 'wide', cell: (l) => (l.hidden ? '' : amount(l.reserved, l.unit)) },
    ...(asked ? [{ id: 'asked', title: 'This call', align: 'right' as const, cell: (l: Limit) => amount(l.asked, l.unit) }] : []),
    { id: 'reset', title: 'Resets', from: 'wide', cell: (l) => (l.reset_at ? <When at={l.reset_at} /> : <Text span size="sm" c="dimmed">{l.window === 'minute' ? 'Rolling' : '–'}</Text>) },
  ]
  return <DataTable label="limits" columns={columns} rows={rows} loading={loading} rowKey={(l) => [l.scope, l.scope_id, l.team_id, l.kind, l.model, l.window].join('|')} empty={<Text size="sm" c="dimmed" p="md">No limit holds: calls are only counted.</Text>} />
}
