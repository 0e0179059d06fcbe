import { Badge, Text } from '@mantine/core'
import { Link } from 'react-router'
import { useNames } from '../api/names'
import type { Column } from './column'
import { DataTable } from './DataTable'
import { amount, kindName, type Limit, scopeName, windowName } from './limit'
import { Meter } from './Meter'
import { When } from './When'

const pages: Record<string, string> = { project: 'projects', team: 'teams', organization: 'organizations', key: 'keys', user: 'users' }

/** Limits in the order they are checked: used, held by requests under way, and when they free. */
export function LimitTable({ rows, asked }: { rows: Limit[]; asked?: boolean }) {
  const names = useNames()
  const name = (l: Limit) => (l.scope === 'project' ? names.projects.get(l.scope_id ?? '') : l.scope === 'team' ? names.teams.get(l.scope_id ?? '') : l.scope === 'organization' ? names.organizations.get(l.scope_id ?? '') : null) ?? (l.scope === 'key' ? null : l.scope_id)
  const columns: Column<Limit>[] = [
    { id: 'scope', title: 'Of', cell: (l) => {
      const page = pages[l.scope]
      return <div><Text size="sm" fw={500}>{page && l.scope_id ? <Link className="plain" to={`/${page}/${encodeURIComponent(l.scope_id)}`}>{scopeName(l.scope)}</Link> : scopeName(l.scope)}</Text>{name(l) && <Text size="xs" c="dimmed" className="clip" maw={170}>{name(l)}</Text>}</div>
    } },
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
  return <DataTable label="limits" columns={columns} rows={rows} rowKey={(l) => [l.scope, l.scope_id, l.team_id, l.kind, l.model, l.window].join('|')} empty={<Text size="sm" c="dimmed" p="md">No limit holds: calls are only counted.</Text>} />
}
