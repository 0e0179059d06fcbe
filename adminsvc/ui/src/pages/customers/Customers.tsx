import { Menu, Text } from '@mantine/core'
import { IconAddressBook, IconBan, IconCircleCheck } from '@tabler/icons-react'
import { useMemo } from 'react'
import type { BodyOf } from '../../api/client'
import { isAdmin } from '../../api/may'
import { useSend } from '../../api/queries'
import { everyListed, useListed } from '../../api/raw'
import type { Customer } from '../../api/rows'
import { useWho } from '../../api/session'
import { budgetFields, limitSection, modelLimits, type Section } from '../../forms/spec'
import { BudgetBar } from '../../shared/BudgetBar'
import type { Column } from '../../shared/column'
import { CrudPage } from '../../shared/CrudPage'
import { NameCell } from '../../shared/NameCell'
import { complain, say } from '../../shared/say'
import { useListState } from '../../shared/useListState'
import { When } from '../../shared/When'

const form: Section[] = [
  { title: 'Basic information', fields: [
    { name: 'user_id', label: 'Customer id', kind: 'text', required: true, on: 'create', help: 'What calls send as “user”.' }, { name: 'alias', label: 'Name', kind: 'text', placeholder: 'Acme Air' },
    { name: 'budget_id', label: 'Shared budget', kind: 'budget', placeholder: 'None: one of its own', help: 'Its limits hold for this customer.' }, { name: 'models', label: 'Models', kind: 'models' },
    ...budgetFields().map((f) => ({ ...f, show: (v: Record<string, unknown>) => !v.budget_id || String(v.budget_id).startsWith('budget-') })),
    { name: 'blocked', label: 'Blocked', kind: 'switch', full: true, help: 'Calls made for this customer are refused.' },
  ] },
  limitSection([modelLimits]),
]

export default function Customers() {
  const who = useWho()
  const list = useListState({ sort: 'alias' })
  const params = { search: list.q, sort_by: list.sort, sort_order: list.desc ? 'desc' : 'asc' }
  const answer = useListed<'/customer/list', Customer>('/customer/list', { ...params, page: list.page, page_size: list.size })
  const create = useSend('post', '/customer/new')
  const update = useSend('post', '/customer/update')
  const remove = useSend('post', '/customer/delete')
  const block = useSend('post', '/customer/block')
  const unblock = useSend('post', '/customer/unblock')
  const columns = useMemo<Column<Customer>[]>(() => [
    { id: 'alias', title: 'Customer', sort: true, value: (c) => c.alias ?? c.user_id, cell: (c) => <NameCell to={`/usage?by=customer&id=${encodeURIComponent(c.user_id!)}`} name={c.alias || c.user_id!} id={c.user_id} blocked={c.blocked} /> },
    { id: 'budget', title: 'Shared budget', from: 'wide', value: (c) => c.budget_id, cell: (c) => c.budget_id && !c.budget_id.startsWith('budget-') ? c.budget_id : <Text span size="sm" c="dimmed">–</Text> },
    { id: 'spend', title: 'Spend / Budget', sort: true, width: 200, value: (c) => c.spend, cell: (c) => <BudgetBar spend={c.spend} limit={(c as { max_budget?: number | null }).max_budget ?? (c.litellm_budget_table as { max_budget?: number } | null)?.max_budget} /> },
    { id: 'created_at', title: 'Created', sort: true, from: 'wide', value: (c) => c.created_at, cell: (c) => <When at={c.created_at} /> },
  ], [])
  return (
    <CrudPage icon={IconAddressBook} title="Customers" one="customer" name="customers" about="Whom your applications serve: limits follow the “user” that a call names." why="Make one to limit what a customer of yours may use, or to see what they cost." columns={columns} rows={answer.data?.rows} paged={{ total: answer.data?.total, all: (told) => everyListed<Customer>('/customer/list', params, told) }} answer={answer} may={isAdmin(who)}
      rowKey={(c) => c.user_id!} label={(c) => c.alias || c.user_id!} text={(c) => `${c.alias} ${c.user_id}`} form={form} formRow={(c) => ({ ...(c.litellm_budget_table as object), ...c, budget_id: c.budget_id?.startsWith('budget-') ? '' : c.budget_id })}
      create={(b) => create.mutateAsync({ body: b as BodyOf<'/customer/new', 'post'> })} update={(c, b) => update.mutateAsync({ body: { ...b, user_id: c.user_id! } as BodyOf<'/customer/update', 'post'> })} remove={(c) => remove.mutateAsync({ body: { user_ids: [c.user_id!] } })}
      more={(c) => <Menu.Item leftSection={c.blocked ? <IconCircleCheck size={16} /> : <IconBan size={16} />} onClick={() => (c.blocked ? unblock : block).mutate({ body: { user_ids: [c.user_id!] } }, { onSuccess: () => say(c.blocked ? 'Calls for them pass again.' : 'Calls for them are refused now.'), onError: complain })}>{c.blocked ? 'Unblock' : 'Block'}</Menu.Item>}
      doom="Calls that name this customer pass without limits of its own afterwards. What was spent stays in Usage and Logs." />
  )
}
