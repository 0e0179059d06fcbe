import { Text } from '@mantine/core'
import { IconShieldHalf } from '@tabler/icons-react'
import { useMemo } from 'react'
import type { BodyOf } from '../../api/client'
import { isAdmin } from '../../api/may'
import { useApi, useSend } from '../../api/queries'
import type { AccessGroup } from '../../api/rows'
import { useWho } from '../../api/session'
import type { Section } from '../../forms/spec'
import type { Column } from '../../shared/column'
import { CrudPage } from '../../shared/CrudPage'
import { Models } from '../../shared/Models'
import { Tag } from '../../shared/Tag'
import { When } from '../../shared/When'

const form: Section[] = [{ title: 'Basic information', fields: [
  { name: 'access_group_name', label: 'Name', kind: 'text', required: true, placeholder: 'everyday-models' }, { name: 'description', label: 'Description', kind: 'text', placeholder: 'Small, quick and cheap' }, { name: 'access_model_names', label: 'Models', kind: 'multi', full: true, required: true },
] }]

export default function AccessGroups() {
  const who = useWho()
  const answer = useApi('/v1/access_group')
  const models = useApi('/models', {}, { stale: 60_000 })
  const create = useSend('post', '/v1/access_group')
  const update = useSend('put', '/v1/access_group/{access_group_id}')
  const remove = useSend('delete', '/v1/access_group/{access_group_id}')
  const options = useMemo(() => [...new Set((models.data?.data ?? []).map((m) => (m as { id: string }).id))].map((id) => ({ value: id, label: id })), [models.data])
  const sections = useMemo<Section[]>(() => form.map((s) => ({ ...s, fields: s.fields.map((f) => (f.kind === 'multi' ? { ...f, options } : f)) })), [options])
  const columns = useMemo<Column<AccessGroup>[]>(() => [
    { id: 'name', title: 'Access group', sort: true, value: (g) => g.access_group_name, cell: (g) => <div><Text size="sm" fw={600}>{g.access_group_name}</Text><Text size="xs" c="dimmed">{g.description}</Text></div> },
    { id: 'models', title: 'Models', value: (g) => (g.access_model_names ?? []).join(' '), cell: (g) => <Models models={g.access_model_names} most={4} all="None" /> },
    { id: 'teams', title: 'Teams', align: 'right', from: 'wide', value: (g) => g.assigned_team_ids?.length ?? 0, cell: (g) => <Tag count>{g.assigned_team_ids?.length ?? 0}</Tag> },
    { id: 'keys', title: 'Keys', align: 'right', from: 'wide', value: (g) => g.assigned_key_ids?.length ?? 0, cell: (g) => <Tag count>{g.assigned_key_ids?.length ?? 0}</Tag> },
    { id: 'updated', title: 'Changed', sort: true, from: 'wide', value: (g) => g.updated_at, cell: (g) => <When at={g.updated_at} /> },
  ], [])
  return (
    <CrudPage icon={IconShieldHalf} title="Access Groups" one="access group" name="access groups" about="Named sets of models that keys and teams are given as one." why="Name a set of models once; then change it in one place for everybody who has it." columns={columns} rows={answer.data as AccessGroup[] | undefined} answer={answer} may={isAdmin(who)}
      rowKey={(g) => g.access_group_id!} label={(g) => g.access_group_name!} text={(g) => `${g.access_group_name} ${g.description} ${(g.access_model_names ?? []).join(' ')}`} form={sections}
      create={(b) => create.mutateAsync({ body: b as BodyOf<'/v1/access_group', 'post'> })} update={(g, b) => update.mutateAsync({ params: { access_group_id: g.access_group_id! }, body: b as BodyOf<'/v1/access_group/{access_group_id}', 'put'> })} remove={(g) => remove.mutateAsync({ params: { access_group_id: g.access_group_id! } })}
      doom="Teams and keys that have it lose its models." />
  )
}
