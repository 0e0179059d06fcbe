import { Badge, Button, Group, Menu, Text } from '@mantine/core'
import { IconPlus, IconTrash, IconUsers } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import type { BodyOf } from '../../api/client'
import { useSend } from '../../api/queries'
import { FormModal } from '../../forms/FormModal'
import type { Section } from '../../forms/spec'
import type { Column } from '../../shared/column'
import { Confirm } from '../../shared/Confirm'
import { DataTable } from '../../shared/DataTable'
import { Empty } from '../../shared/Empty'
import { NameCell } from '../../shared/NameCell'
import { roleName } from '../../shared/roles'
import { RowMenu } from '../../shared/RowMenu'
import { say } from '../../shared/say'
import { When } from '../../shared/When'

export type OrganizationMember = { user_id: string; user_role?: string | null; user_email?: string | null; created_at?: string | null }

const form: Section[] = [{ title: 'Who', fields: [
  { name: 'user_id', label: 'User', kind: 'user', placeholder: 'Somebody who is here' }, { name: 'user_email', label: 'Or an e-mail address', kind: 'text', help: 'A user is made for it.', show: (v) => !v.user_id },
  { name: 'role', label: 'Role', kind: 'select', required: true, options: ['org_admin', 'internal_user', 'internal_user_viewer'].map((value) => ({ value, label: roleName(value) })) },
] }]

export function OrganizationMembers({ organization, rows, may }: { organization: string; rows: OrganizationMember[]; may: boolean }) {
  const add = useSend('post', '/organization/member_add')
  const remove = useSend('post', '/organization/member_delete')
  const [open, setOpen] = useState(false)
  const [doomed, setDoomed] = useState<OrganizationMember | null>(null)
  const columns = useMemo<Column<OrganizationMember>[]>(() => [
    { id: 'who', title: 'Member', cell: (m) => <NameCell to={`/users/${encodeURIComponent(m.user_id)}`} name={m.user_email || m.user_id} id={m.user_email ? m.user_id : null} /> },
    { id: 'role', title: 'Role', cell: (m) => <Badge color={m.user_role === 'org_admin' ? 'sea' : 'gray'}>{roleName(m.user_role)}</Badge> },
    { id: 'since', title: 'Since', cell: (m) => <When at={m.created_at} /> },
    { id: 'do', title: '', align: 'right', width: 50, cell: (m) => may && <RowMenu name={m.user_email ?? m.user_id}><Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setDoomed(m)}>Remove</Menu.Item></RowMenu> },
  ], [may])
  const button = may && <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setOpen(true)}>Add member</Button>
  return (
    <div className="card">
      <Group justify="space-between" p="sm"><Text size="sm" c="dimmed">{rows.length} {rows.length === 1 ? 'member' : 'members'}</Text>{button}</Group>
      <DataTable label="members" columns={columns} rows={rows} rowKey={(m) => m.user_id} empty={<Empty icon={IconUsers} title="No members yet" action={button}>Its admins make teams and see what they cost.</Empty>} />
      {open && <FormModal title="Add member" action="Add member" sections={form} row={null} preset={{ role: 'internal_user' }} onClose={() => setOpen(false)}
        send={async ({ role, user_id, user_email }) => { await add.mutateAsync({ body: { organization_id: organization, member: { role, ...(user_id ? { user_id } : { user_email }) } } as unknown as BodyOf<'/organization/member_add', 'post'> }); say('Added.') }} />}
      {doomed && <Confirm title={`Remove ${doomed.user_email ?? doomed.user_id}?`} action="Remove" onClose={() => setDoomed(null)} run={async () => { await remove.mutateAsync({ body: { organization_id: organization, user_id: doomed.user_id } }); say('Removed.') }}>They lose what they may do in this organization.</Confirm>}
    </div>
  )
}
