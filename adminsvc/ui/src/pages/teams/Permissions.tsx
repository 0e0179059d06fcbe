import { Button, Checkbox, Group, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { useApi, useSend } from '../../api/queries'
import { ErrorBox } from '../../shared/ErrorBox'
import { Panel } from '../../shared/Panel'
import { say } from '../../shared/say'

const words: Record<string, string> = {
  '/key/generate': 'Make keys', '/key/service-account/generate': 'Make keys that belong to the team alone', '/key/update': 'Change keys', '/key/delete': 'Delete keys', '/key/info': 'See a key', '/key/list': 'List keys', '/key/regenerate': 'Regenerate keys',
  '/key/block': 'Block keys', '/key/unblock': 'Unblock keys', '/team/daily/activity': 'See the team’s usage', '/spend/logs': 'See the team’s requests', '/key/bulk_update': 'Change keys in bulk', '/key/{key_id}/reset_spend': 'Reset what a key has spent', '/key/{key_id}/regenerate': 'Regenerate a key by its id',
  '/team/key/bulk_update': 'Change all keys of the team', '/key/access_group_assignment': 'Give keys access groups', '/auto_router/manage': 'Manage auto-routers', '/key/health': 'Test a key', '/key/aliases': 'List the names of keys', '/team/daily/activity/aggregated': 'See the team’s usage, summed up', '/spend/logs/v2': 'See the team’s requests, by page',
}

/** What plain members of a team may do. */
export function Permissions({ team, may }: { team: string; may: boolean }) {
  const { data } = useApi('/team/permissions_list', { team_id: team })
  const update = useSend('post', '/team/permissions_update')
  const [chosen, setChosen] = useState<string[] | null>(null)
  if (!data) return null
  const now = chosen ?? data.team_member_permissions ?? []
  return (
    <Panel title="What members may do" about="Team admins may do all of it.">
      <Checkbox.Group value={now} onChange={setChosen}>
        <Stack gap="xs">{(data.all_available_permissions ?? []).map((p) => <Checkbox key={p} value={p} disabled={!may} label={<>{words[p] ?? p} <Text span size="xs" c="dimmed" className="mono">{p}</Text></>} />)}</Stack>
      </Checkbox.Group>
      <ErrorBox error={update.error} />
      {may && <Group mt="md"><Button disabled={chosen === null} loading={update.isPending} onClick={() => update.mutate({ body: { team_id: team, team_member_permissions: now } }, { onSuccess: () => { setChosen(null); say('Saved.') } })}>Save</Button></Group>}
    </Panel>
  )
}
