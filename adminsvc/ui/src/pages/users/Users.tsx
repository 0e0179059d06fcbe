import { Button, Menu, Select, Text } from '@mantine/core'
import { IconBan, IconCircleCheck, IconEdit, IconMailForward, IconPlus, IconTrash, IconUser } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { call } from '../../api/client'
import { isAdmin } from '../../api/may'
import { useNames } from '../../api/names'
import { useApi, useSend } from '../../api/queries'
import type { User } from '../../api/rows'
import { useWho } from '../../api/session'
import { TeamSelect } from '../../forms/EntitySelect'
import { BudgetBar } from '../../shared/BudgetBar'
import type { Column } from '../../shared/column'
import { Confirm } from '../../shared/Confirm'
import { Empty } from '../../shared/Empty'
import { everyPage } from '../../shared/everyPage'
import { ListPage } from '../../shared/ListPage'
import { Models } from '../../shared/Models'
import { NameCell } from '../../shared/NameCell'
import { PageHead } from '../../shared/PageHead'
import { roleName } from '../../shared/roles'
import { RowMenu } from '../../shared/RowMenu'
import { complain, say } from '../../shared/say'
import { Tag } from '../../shared/Tag'
import { useListState } from '../../shared/useListState'
import { When } from '../../shared/When'
import { Invite } from './Invite'
import { UserModal } from './UserModal'

export const userName = (u: User) => u.user_alias || u.user_email || u.user_id!

export default function Users() {
  const who = useWho()
  const names = useNames()
  const list = useListState({ sort: 'created_at', desc: true })
  const params = { page: list.page, page_size: list.size, search: list.q, role: list.get('role'), team: list.get('team'), sort_by: list.sort, sort_order: list.desc ? 'desc' : 'asc' }
  const answer = useApi('/user/list', params)
  const update = useSend('post', '/user/update')
  const remove = useSend('post', '/user/delete')
  const [edited, setEdited] = useState<User | null>(null)
  const [invited, setInvited] = useState<User | null>(null)
  const [doomed, setDoomed] = useState<User | null>(null)
  const columns = useMemo<Column<User>[]>(() => [
    { id: 'user_email', title: 'User', sort: true, value: (u) => u.user_email ?? u.user_id, cell: (u) => <NameCell to={`/users/${encodeURIComponent(u.user_id!)}`} name={userName(u)} id={userName(u) === u.user_id ? null : u.user_id} blocked={u.blocked} /> },
    { id: 'user_role', title: 'Role', sort: true, value: (u) => u.user_role, from: 'wide', cell: (u) => <Tag color={u.user_role?.startsWith('proxy') ? 'sea' : 'gray'}>{roleName(u.user_role)}</Tag> },
    { id: 'teams', title: 'Teams', value: (u) => (u.teams ?? []).join(' '), from: 'xwide', cell: (u) => <Models models={(u.teams ?? []).map((t) => names.teams.get(t) ?? t)} all="–" /> },
    { id: 'keys', title: 'Keys', align: 'right', value: (u) => u.key_count, from: 'wide', cell: (u) => <Tag count>{u.key_count ?? 0}</Tag> },
    { id: 'spend', title: 'Spend / Budget', sort: true, value: (u) => u.spend, width: 190, cell: (u) => <BudgetBar spend={u.spend} limit={u.max_budget} /> },
    { id: 'created_at', title: 'Created', sort: true, value: (u) => u.created_at, from: 'wide', cell: (u) => <When at={u.created_at} /> },
    { id: 'do', title: '', align: 'right', width: 50, cell: (u) => isAdmin(who) && (
      <RowMenu name={userName(u)}>
        <Menu.Item leftSection={<IconEdit size={16} />} onClick={() => setEdited(u)}>Edit</Menu.Item>
        <Menu.Item leftSection={<IconMailForward size={16} />} onClick={() => setInvited(u)}>Invite</Menu.Item>
        <Menu.Item leftSection={u.blocked ? <IconCircleCheck size={16} /> : <IconBan size={16} />} onClick={() => update.mutate({ body: { user_id: u.user_id!, blocked: !u.blocked } }, { onSuccess: () => say(u.blocked ? 'Their keys can call again.' : 'All calls of their keys are refused now.'), onError: complain })}>{u.blocked ? 'Unblock' : 'Block'}</Menu.Item>
        <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setDoomed(u)}>Delete</Menu.Item>
      </RowMenu>
    ) },
  ], [names.teams, update, who])
  const create = isAdmin(who) && <Button leftSection={<IconPlus size={16} />} onClick={() => list.set({ new: '1' })}>Create user</Button>
  return (
    <>
      <PageHead icon={IconUser} title="Internal Users" about="People who sign in, own keys and belong to teams.">{create}</PageHead>
      <ListPage name="users" columns={columns} rows={answer.data?.users as User[] | undefined} total={answer.data?.total ?? undefined} rowKey={(u) => u.user_id!} list={list} loading={answer.isFetching} error={answer.error} refresh={() => void answer.refetch()}
        exportRows={(told) => everyPage((page) => call('get', '/user/list', { params: { ...params, page, page_size: 100 } }).then((a) => ({ rows: (a.users ?? []) as User[], pages: a.total_pages ?? 1 })), told)}
        link={(u) => `/users/${encodeURIComponent(u.user_id!)}`} search="Search by name, e-mail or id" filtered={!!(list.get('role') || list.get('team'))}
        filters={<>
          <Select aria-label="Role" placeholder="Any role" w={190} clearable value={list.get('role') || null} onChange={(v) => list.set({ role: v })} data={['proxy_admin', 'proxy_admin_viewer', 'internal_user', 'internal_user_viewer'].map((value) => ({ value, label: roleName(value) }))} />
          <TeamSelect label="" aria-label="Team" placeholder="Any team" w={150} value={list.get('team')} onChange={(v) => list.set({ team: v })} />
        </>}
        empty={<Empty icon={IconUser} title="No users yet" action={create}>Users own keys and see what they cost. Applications need none: a key of a project is enough.</Empty>} />
      <Text size="xs" c="dimmed" mt="xs">The holder of the master key is no user and is not listed.</Text>
      {list.get('new') && <UserModal row={null} onClose={() => list.set({ new: null })} />}
      {invited && <Invite user={invited} onClose={() => setInvited(null)} />}
      {edited && <UserModal row={edited} onClose={() => setEdited(null)} />}
      {doomed && <Confirm title={`Delete ${userName(doomed)}?`} action="Delete user" name={userName(doomed)} onClose={() => setDoomed(null)} run={async () => { await remove.mutateAsync({ body: { user_ids: [doomed.user_id!] } }); say('Deleted.') }}>
        Their keys, {doomed.key_count ?? 0} of them, and memberships go with them; callers with those keys are refused from now on. What was spent stays in Usage and Logs.
      </Confirm>}
    </>
  )
}
