import { Badge, Group, Stack, Text } from '@mantine/core'
import { Link } from 'react-router'
import { useNames } from '../../api/names'
import { useApi } from '../../api/queries'
import { useListed } from '../../api/raw'
import type { Key, Project, Team } from '../../api/rows'
import { useProjectsOn } from '../../api/settings'
import { burnOf } from '../../shared/burn'
import { money } from '../../shared/format'
import { LoadingLines } from '../../shared/Loading'
import { Meter } from '../../shared/Meter'
import { Panel } from '../../shared/Panel'
import { When } from '../../shared/When'

/** Which budgets run out first, and when. */
export function NearLimits() {
  const { organizationRows } = useNames()
  const teams = useApi('/v2/team/list', { sort_by: 'runs_out', sort_order: 'asc', page: 1, page_size: 10 }, { stale: 60_000 })
  const teamRows = (teams.data?.teams ?? []) as Team[]
  // Of keys there may be very many: the fullest are among those that spent most.
  const keys = useApi('/key/list', { size: 100, sort_by: 'spend', sort_order: 'desc', return_full_object: true, include_team_keys: true }, { stale: 60_000 })
  const projects = useProjectsOn()
  const tightest = useListed<'/project/list', Project>('/project/list', { sort_by: 'runs_out', sort_order: 'asc', page: 1, page_size: 10 }, { enabled: projects, stale: 60_000 })
  const projectRows = tightest.data?.rows ?? []
  const pending = teams.isPending || keys.isPending || (projects && tightest.isPending)
  const all = [
    ...(projects ? projectRows.map((p) => ({ kind: 'Project', to: `/projects/${encodeURIComponent(p.project_id!)}`, name: p.project_alias || p.project_id!, row: p, burn: burnOf(p) })) : []),
    ...teamRows.map((t) => ({ kind: 'Team', to: `/teams/${encodeURIComponent(t.team_id!)}`, name: t.team_alias || t.team_id!, row: t, burn: burnOf(t) })),
    ...organizationRows.map((o) => ({ kind: 'Organization', to: `/organizations/${encodeURIComponent(o.organization_id!)}`, name: o.organization_alias || o.organization_id!, row: o, burn: burnOf(o) })),
    ...((keys.data?.keys ?? []) as Key[]).map((k) => ({ kind: 'Key', to: `/keys/${k.token}`, name: k.key_alias || k.key_name || 'key', row: k, burn: burnOf(k) })),
  ]
    .flatMap((r) => (r.burn ? [{ ...r, burn: r.burn }] : []))
    .sort((a, b) => (a.burn.runsOut?.getTime() ?? Infinity) - (b.burn.runsOut?.getTime() ?? Infinity) || b.burn.part - a.burn.part)
  const atRisk = all.filter((r) => r.burn.part >= 0.5 || r.burn.runsOut)
  const rows = (atRisk.length ? atRisk : all).slice(0, 5)
  return (
    <Panel title="Budgets that run out first" about="If spending goes on as it has in this window.">
      {pending && <LoadingLines />}
      {!pending && !rows.length && <Text size="sm" c="dimmed">No budget is set.</Text>}
      {!pending && rows.length > 0 && !atRisk.length && <Text size="sm" c="dimmed" mb={12}>All budgets last until they reset. The fullest:</Text>}
      <Stack gap={12}>
        {!pending && rows.map((r) => (
          <div key={r.to}>
            <Group justify="space-between" wrap="nowrap" gap={8}>
              <Group gap={6} wrap="nowrap" style={{ minWidth: 0 }}><Link className="plain clip" to={r.to} style={{ fontWeight: 600, fontSize: 13.5 }}>{r.name}</Link><Badge size="xs" color="gray">{r.kind}</Badge></Group>
              <Text size="sm" className="num">{r.burn.part >= 1 ? <Text span c="red" fw={600} size="sm">Used up</Text> : r.burn.runsOut ? <Text span size="sm" c="var(--warn)">Runs out <When at={r.burn.runsOut.toISOString()} /></Text> : <Text span size="sm" c="dimmed">{r.burn.part > 0 && r.burn.part < 0.01 ? '<1' : Math.round(100 * r.burn.part)}%</Text>}</Text>
            </Group>
            <Meter used={r.row.spend ?? 0} limit={r.row.max_budget!} label={`${r.name}: ${money(r.row.spend)} of ${money(r.row.max_budget)}`} />
            <Text size="xs" c="dimmed" mt={2}>{money(r.row.spend)} of {money(r.row.max_budget)}</Text>
          </div>
        ))}
      </Stack>
    </Panel>
  )
}
