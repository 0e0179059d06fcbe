import { Badge, Menu, Text } from '@mantine/core'
import { IconBan, IconBox, IconCircleCheck } from '@tabler/icons-react'
import { useMemo } from 'react'
import type { BodyOf } from '../../api/client'
import { isAdmin } from '../../api/may'
import { useApi, useSend } from '../../api/queries'
import type { Deployment } from '../../api/rows'
import { useWho } from '../../api/session'
import type { Column } from '../../shared/column'
import { CrudPage } from '../../shared/CrudPage'
import { money, short } from '../../shared/format'
import { complain, say } from '../../shared/say'
import { modelForm, nest, toMillion } from './form'

const price = (v: unknown) => (typeof v === 'number' ? money(v * 1e6) : <Text span size="sm" c="dimmed">–</Text>)
const num = (v: unknown) => (typeof v === 'number' ? v : null)

export default function Models() {
  const who = useWho()
  const answer = useApi('/v1/model/info')
  const create = useSend('post', '/model/new')
  const update = useSend('patch', '/model/{model_id}/update')
  const remove = useSend('post', '/model/delete')
  const block = useSend('post', '/model/block')
  const unblock = useSend('post', '/model/unblock')
  const blocked = (d: Deployment) => d.model_info.blocked === true || (d as { blocked?: boolean }).blocked === true
  const columns = useMemo<Column<Deployment>[]>(() => [
    { id: 'name', title: 'Model', sort: true, value: (d) => d.model_name, cell: (d) => <div><Text size="sm" fw={600}>{d.model_name} {blocked(d) && <Badge color="red" size="sm">Blocked</Badge>}</Text><Text size="xs" c="dimmed" className="mono">{d.litellm_params.model}</Text></div> },
    { id: 'provider', title: 'Provider', sort: true, from: 'wide', value: (d) => d.model_info.litellm_provider, cell: (d) => d.model_info.litellm_provider },
    { id: 'mode', title: 'Mode', from: 'xwide', value: (d) => d.model_info.mode, cell: (d) => d.model_info.mode ?? '–' },
    { id: 'in', title: 'Input $/M', align: 'right', sort: true, value: (d) => num(d.model_info.input_cost_per_token), cell: (d) => price(d.model_info.input_cost_per_token) },
    { id: 'out', title: 'Output $/M', align: 'right', sort: true, value: (d) => num(d.model_info.output_cost_per_token), cell: (d) => price(d.model_info.output_cost_per_token) },
    { id: 'context', title: 'Context', align: 'right', sort: true, from: 'wide', value: (d) => num(d.model_info.max_input_tokens), cell: (d) => (num(d.model_info.max_input_tokens) === null ? '–' : short(d.model_info.max_input_tokens as number)) },
    { id: 'groups', title: 'Access groups', from: 'xwide', value: (d) => (d.model_info.access_groups ?? []).join(' '), cell: (d) => (d.model_info.access_groups ?? []).map((g) => <Badge key={g} color="gray">{g}</Badge>) },
    { id: 'from', title: 'Source', from: 'wide', value: (d) => (d.model_info.db_model ? 'here' : 'config.yaml'), cell: (d) => <Badge color={d.model_info.db_model ? 'sea' : 'gray'}>{d.model_info.db_model ? 'Made here' : 'config.yaml'}</Badge> },
  ], [])
  return (
    <CrudPage icon={IconBox} title="Models" one="model" name="models" about="What can be called, where it goes, and what it costs." why="Add a provider’s model, and it is served the moment the answer comes." columns={columns} rows={(answer.data as { data?: Deployment[] } | undefined)?.data} answer={answer} may={isAdmin(who)} mayRow={(d) => d.model_info.db_model === true}
      rowKey={(d) => d.model_info.id} label={(d) => d.model_name} text={(d) => `${d.model_name} ${d.litellm_params.model} ${d.model_info.litellm_provider}`} form={modelForm}
      formRow={(d) => ({ ...d.model_info, ...d.litellm_params, model_name: d.model_name, api_key: '', input_cost: toMillion(d.model_info.input_cost_per_token), output_cost: toMillion(d.model_info.output_cost_per_token) })}
      create={(b) => create.mutateAsync({ body: { litellm_params: {}, ...nest(b) } as BodyOf<'/model/new', 'post'> })} update={(d, b) => update.mutateAsync({ params: { model_id: d.model_info.id }, body: nest(b) as BodyOf<'/model/{model_id}/update', 'patch'> })} remove={(d) => remove.mutateAsync({ body: { id: d.model_info.id } })}
      more={(d) => <Menu.Item leftSection={blocked(d) ? <IconCircleCheck size={16} /> : <IconBan size={16} />} onClick={() => (blocked(d) ? unblock : block).mutate({ body: { model_id: d.model_info.id } }, { onSuccess: () => say('Done.'), onError: complain })}>{blocked(d) ? 'Unblock' : 'Block'}</Menu.Item>}
      doom="Calls that ask for it are refused, unless another deployment has the same public name."
      footnote={<Text size="xs" c="dimmed" mt="xs">Models of config.yaml are changed there; those made here are changed here, and are live at once.</Text>} />
  )
}
