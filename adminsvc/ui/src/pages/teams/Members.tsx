import { Badge, Button, Group, Menu, Text } from '@mantine/core'
import { IconEdit, IconPlus, IconTrash, IconUsers } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import type { BodyOf } from '../../api/client'
import { seesUser } from '../../api/may'
import { useSend } from '../../api/queries'
import { useWho } from '../../api/session'
import { FormModal } from '../../forms/FormModal'
import { budgetFields, type Section } from '../../forms/spec'
import { BudgetBar } from '../../shared/BudgetBar'
import type { Column } from '../../shared/column'
import { Confirm } from '../../shared/Confirm'
import { DataTable } from '../../shared/DataTable'
import { Empty } from '../../shared/Empty'
import { NameCell } from '../../shared/NameCell'
import { RowMenu } from '../../shared/RowMenu'
import { say } from '../../shared/say'
import { RateLimits } from '../keys/KeyList'

/** A membership, as /team/info lists them. */
export type Membership = { user_id: string; user_email?: string | null; role?: string | null; spend?: number; litellm_budget_table?: { max_budget?: number | null; budget_duration?: string | null; rpm_limit?: number | null; tpm_limit?: number | null } | null }

const roles = [{ value: 'user', label: 'Member' }, { value: 'admin', label: 'Team admin' }]
const limits: Section['fields'] = [
  ...budgetFields('Of this member, with the team’s keys.').map((f) => (f.name === 'max_budget' ? { ...f, name: 'max_budget_in_team', label: 'Budget in this team' } : f)),
  { name: 'rpm_limit', label: 'Requests per minute', kind: 'int' }, { name: 'tpm_limit', label: 'Tokens per minute', kind: 'int' },
]
const addForm: Section[] = [{ title: 'Who', fields: [
  { name: 'user_id', label: 'User', kind: 'user', placeholder: 'Somebody who is here' }, { name: 'user_email', label: 'Or an e-mail address', kind: 'text', placeholder: 'new@example.com', help: 'A user is made for it.', show: (v) => !v.user_id },
  { name: 'role', label: 'Role', kind: 'select', options: roles, required: true },
] }, { title: 'Limits', folded: true, fields: limits.filter((f) => f.name === 'max_budget_in_team') }]
const editForm: Section[] = [{ title: 'Role', fields: [{ name: 'role', label: 'Role', kind: 'select', options: roles, required: true }] }, { title: 'Limits', fields: limits }]

/** The members of a team, their roles and limits. */
export function Members({ team, rows, may }: { team: string; rows: Membership[]; may: boolean }) {
  const who = useWho()
  const add = useSend('post', '/team/member_add')
  const update = useSend('post', '/team/member_update')
  const remove = useSend('post', '/team/member_delete')
  const [open, setOpen] = useState<{ what: 'add' | 'edit' | 'remove'; row?: Membership } | null>(null)
  const columns = useMemo<Column<Membership>[]>(() => [
    { id: 'who', title: 'Member', cell: (m) => <NameCell to={seesUser(who, m.user_id) ? `/users/${encodeURIComponent(m.user_id)}` : null} name={m.user_email || m.user_id} id={m.user_email ? m.user_id : null} /> },
    { id: 'role', title: 'Role', cell: (m) => m.role === 'admin' ? <Badge>Team admin</Badge> : <Badge color="gray">Member</Badge> },
    { id: 'spend', title: 'Spend / Budget in this team', width: 200, cell: (m) => <BudgetBar spend={m.spend} limit={m.litellm_budget_table?.max_budget} /> },
    { id: 'limits', title: 'Limits', from: 'wide', cell: (m) => <RateLimits row={m.litellm_budget_table ?? {}} /> },
    { id: 'do', title: '', align: 'right', width: 50, cell: (m) => may && <RowMenu name={m.user_email ?? m.user_id}><Menu.Item leftSection={<IconEdit size={16} />} onClick={() => setOpen({ what: 'edit', row: m })}>Role and limits</Menu.Item><Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setOpen({ what: 'remove', row: m })}>Remove</Menu.Item></RowMenu> },
  ], [may, who])
  const button = may && <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setOpen({ what: 'add' })}>Add member</Button>
  const m = open?.row
  return (
    <div className="card">
      <Group justify="space-between" p="sm"><Text size="sm" c="dimmed">{rows.length} {rows.length === 1 ? 'member' : 'members'}</Text>{button}</Group>
      <DataTable label="members" columns={columns} rows={rows} rowKey={(r) => r.user_id} empty={<Empty icon={IconUsers} title="No members yet" action={button}>Members make keys of their own within the team’s budget.</Empty>} />
      {open?.what === 'add' && <FormModal title="Add member" action="Add member" sections={addForm} row={null} preset={{ role: 'user' }} onClose={() => setOpen(null)}
        send={async ({ role, user_id, user_email, ...limits }) => { await add.mutateAsync({ body: { team_id: team, member: { role, ...(user_id ? { user_id } : { user_email }) }, ...limits } as unknown as BodyOf<'/team/member_add', 'post'> }); say('Added.') }} />}
      {open?.what === 'edit' && m && <FormModal title={`Role and limits of ${m.user_email ?? m.user_id}`} action="Save changes" sections={editForm} onClose={() => setOpen(null)}
        row={{ role: m.role, max_budget_in_team: m.litellm_budget_table?.max_budget, budget_duration: m.litellm_budget_table?.budget_duration, rpm_limit: m.litellm_budget_table?.rpm_limit, tpm_limit: m.litellm_budget_table?.tpm_limit }}
        send={async (body) => { await update.mutateAsync({ body: { team_id: team, user_id: m.user_id, ...body } as BodyOf<'/team/member_update', 'post'> }); say('Saved.') }} />}
      {open?.what === 'remove' && m && <Confirm title={`Remove ${m.user_email ?? m.user_id}?`} action="Remove" onClose={() => setOpen(null)} run={async () => { await remove.mutateAsync({ body: { team_id: team, user_id: m.user_id } }); say('Removed.') }}>Their keys of this team are deleted, and refused from now on.</Confirm>}
    </div>
  )
}
