import { Text } from '@mantine/core'
import { IconWallet } from '@tabler/icons-react'
import { useMemo } from 'react'
import type { BodyOf } from '../../api/client'
import { isAdmin } from '../../api/may'
import { useApi, useSend } from '../../api/queries'
import type { Budget } from '../../api/rows'
import { useWho } from '../../api/session'
import { budgetFields, limitSection, modelLimits, type Section } from '../../forms/spec'
import type { Column } from '../../shared/column'
import { CrudPage } from '../../shared/CrudPage'
import { every, money } from '../../shared/format'
import { When } from '../../shared/When'
import { RateLimits } from '../keys/KeyList'

const form: Section[] = [
  { title: 'Basic information', fields: [{ name: 'budget_id', label: 'Budget id', kind: 'text', placeholder: 'starter', on: 'create', required: true, help: 'How others refer to it.' }, { name: 'soft_budget', label: 'Soft budget', kind: 'money', placeholder: 'None' }, ...budgetFields()] },
  limitSection([modelLimits]),
]

export default function Budgets() {
  const who = useWho()
  const answer = useApi('/budget/list')
  const create = useSend('post', '/budget/new')
  const update = useSend('post', '/budget/update')
  const remove = useSend('post', '/budget/delete')
  const columns = useMemo<Column<Budget>[]>(() => [
    { id: 'id', title: 'Budget', sort: true, value: (b) => b.budget_id, cell: (b) => <Text span fw={600} size="sm">{b.budget_id}</Text> },
    { id: 'max', title: 'Max budget', align: 'right', sort: true, value: (b) => b.max_budget, cell: (b) => (b.max_budget === null ? <Text span size="sm" c="dimmed">No limit</Text> : money(b.max_budget)) },
    { id: 'every', title: 'Resets', value: (b) => b.budget_duration, cell: (b) => every(b.budget_duration) || <Text span size="sm" c="dimmed">Never</Text> },
    { id: 'limits', title: 'Limits', from: 'wide', value: (b) => b.rpm_limit, cell: (b) => <RateLimits row={b} /> },
    { id: 'reset', title: 'Next reset', from: 'wide', sort: true, value: (b) => b.budget_reset_at, cell: (b) => <When at={b.budget_reset_at} /> },
    { id: 'created', title: 'Created', from: 'xwide', sort: true, value: (b) => b.created_at, cell: (b) => <When at={b.created_at} /> },
  ], [])
  return (
    <CrudPage icon={IconWallet} title="Budgets" one="budget" name="budgets" about="Named sets of limits that keys and customers can share; each of them has the whole amount." why="Make one, and give its id to customers or keys: a change reaches all of them." columns={columns} rows={answer.data as Budget[] | undefined} answer={answer} may={isAdmin(who)}
      rowKey={(b) => b.budget_id!} label={(b) => b.budget_id!} text={(b) => b.budget_id!} form={form} create={(b) => create.mutateAsync({ body: b as BodyOf<'/budget/new', 'post'> })} update={(x, b) => update.mutateAsync({ body: { ...b, budget_id: x.budget_id! } as BodyOf<'/budget/update', 'post'> })} remove={(b) => remove.mutateAsync({ body: { id: b.budget_id! } })}
      doom="Only a budget that nobody refers to can be deleted." />
  )
}
