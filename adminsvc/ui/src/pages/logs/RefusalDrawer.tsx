import { Alert, Anchor, Drawer, Stack, Text, Title } from '@mantine/core'
import { Link } from 'react-router'
import { useNames } from '../../api/names'
import { Facts } from '../../shared/Facts'
import { count, local, utc } from '../../shared/format'
import { Id } from '../../shared/Id'
import { kindName, scopeName } from '../../shared/limit'
import { MarkList } from '../../shared/MarkList'
import { scopePage } from '../../shared/ScopeOf'
import { When } from '../../shared/When'
import { type Refusal, reasonName } from './Refusals'

const limitOf = (r: Refusal) => `${scopeName(r.scope)}${r.limit_kind ? ` · ${kindName(r.limit_kind)}` : ''}`

/** Why a call was refused: the limit, whose it is, and when it frees. */
export function RefusalDrawer({ row, onClose }: { row: Refusal | null; onClose: () => void }) {
  const names = useNames()
  const s = row?.sample
  const to = row && scopePage(row.scope, row.scope_id)
  return (
    <Drawer opened={row !== null} onClose={onClose} size={560} title={<Text fw={650} size="lg" component="h2" m={0}>Refused request</Text>}>
      {row && (
        <Stack gap="lg">
          <Alert color="red" variant="light" title={reasonName(row.reason)}>{s?.message || 'No more is known of it.'}</Alert>
          <Facts rows={[
            ['Last at', s?.at && <>{local(s.at)} <span style={{ color: 'var(--quiet)' }}>{utc(s.at)}</span></>],
            ['Times', `${count(row.count)} in this minute`],
            ['Limit of', row.scope && (to ? <Link to={to}>{limitOf(row)}</Link> : limitOf(row))],
            ['Frees', s?.reset_at && <When at={s.reset_at} full />],
            ['Key', row.key && <Link to={`/keys/${row.key}`}>{row.key_alias || row.key_name || 'key'}</Link>],
            ['Project', row.project_id && <Link to={`/projects/${encodeURIComponent(row.project_id)}`}>{names.projects.get(row.project_id) ?? row.project_id}</Link>],
            ['Team', row.team_id && <Link to={`/teams/${encodeURIComponent(row.team_id)}`}>{names.teams.get(row.team_id) ?? row.team_id}</Link>],
            ['Model', row.model], ['Endpoint', s?.route], ['Call', s?.call_id && <Id value={s.call_id} width={300} />],
          ]} />
          {!!s?.limits?.length && <section><Title order={3} mb={8}>Limits at that moment</Title><MarkList rows={s.limits} refused /></section>}
          {row.key && <Text size="sm"><Anchor inherit underline="always" component={Link} to={`/keys/${row.key}?tab=simulate`}>Ask what would happen now</Anchor>, or see <Anchor inherit underline="always" component={Link} to={`/keys/${row.key}?tab=limits`}>the limits in force</Anchor>.</Text>}
        </Stack>
      )}
    </Drawer>
  )
}
