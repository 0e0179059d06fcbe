import { Drawer, SimpleGrid, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconHistory } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { type Names, useNames } from '../../api/names'
import { useApi } from '../../api/queries'
import { useRows } from '../../api/raw'
import type { User } from '../../api/rows'
import type { Column } from '../../shared/column'
import { Empty } from '../../shared/Empty'
import { local } from '../../shared/format'
import { Id } from '../../shared/Id'
import { ListPage } from '../../shared/ListPage'
import { Quiet, Tag } from '../../shared/Tag'
import { useListState } from '../../shared/useListState'
import { When } from '../../shared/When'

type Change = { id: string; updated_at: string; changed_by?: string | null; changed_by_api_key?: string | null; action: string; table_name: string; object_id: string; before_value?: unknown; updated_values?: unknown }

const colours: Record<string, 'green' | 'red'> = { created: 'green', deleted: 'red' }
const things: Record<string, string> = { LiteLLM_Config: 'Settings', LiteLLM_EndUserTable: 'Customer', LiteLLM_VerificationToken: 'Virtual key', LiteLLM_ProxyModelTable: 'Model' }
const thing = (t: string) => things[t] ?? t.replace('LiteLLM_', '').replace(/Table$/, '').replaceAll(/([a-z])([A-Z])/g, '$1 $2')

/** What the changed thing is called: by its own values, whichever of them has its name, else as it is called now. */
function called(c: Change, names: Names, users: ReadonlyMap<string, string>): string {
  for (const v of [c.updated_values, c.before_value] as (Record<string, unknown> | null | undefined)[]) {
    for (const k of ['key_alias', 'project_alias', 'team_alias', 'organization_alias', 'access_group_name', 'model_name', 'alias', 'user_alias', 'user_email']) if (typeof v?.[k] === 'string' && v[k]) return v[k]
  }
  const now = names.projects.get(c.object_id) ?? names.teams.get(c.object_id) ?? names.organizations.get(c.object_id) ?? users.get(c.object_id)
  return now ?? (c.object_id === 'ui_settings' ? 'UI Settings' : c.object_id)
}

/** Who did it: the master key has no name of its own in the API. */
const whoDid = (id: string | null | undefined, users: ReadonlyMap<string, string>) => (!id ? '–' : id === 'default_user_id' ? 'Master key' : (users.get(id) ?? id))

/** Who changed what, before and after. */
export function Audit() {
  const list = useListState({ size: 50 })
  const names = useNames()
  const found = useApi('/user/list', { page_size: 100 }, { stale: 60_000 })
  const users = useMemo(() => new Map(((found.data?.users ?? []) as User[]).map((u) => [u.user_id!, u.user_alias || u.user_email || u.user_id!])), [found.data])
  const [open, setOpen] = useState<Change | null>(null)
  const by = useDebouncedCallback((v: string) => list.set({ by: v }), 300)
  const answer = useRows<{ audit_logs: Change[]; total: number }>('/audit', { page: list.page, page_size: list.size, search: list.q, changed_by: list.get('by') })
  const columns = useMemo<Column<Change>[]>(() => [
    { id: 'at', title: 'When', value: (c) => c.updated_at, cell: (c) => <When at={c.updated_at} exact /> },
    { id: 'by', title: 'Who', from: 'wide', value: (c) => c.changed_by, cell: (c) => <span data-tip={c.changed_by ?? undefined}>{whoDid(c.changed_by, users)}</span> },
    { id: 'action', title: 'Did', value: (c) => c.action, cell: (c) => <Tag color={colours[c.action] ?? 'gray'}>{c.action}</Tag> },
    { id: 'table', title: 'To', value: (c) => c.table_name, cell: (c) => thing(c.table_name) },
    { id: 'name', title: 'Name', value: (c) => called(c, names, users), cell: (c) => { const name = called(c, names, users); return name === c.object_id && name.length > 35 ? <Quiet /> : <span className="clip named" style={{ fontWeight: 600 }} title={name}>{name}</span> } },
    { id: 'object', title: 'Id', value: (c) => c.object_id, from: 'wide', cell: (c) => <Id value={c.object_id} /> },
  ], [names, users])
  return (
    <>
      <ListPage name="changes" columns={columns} rows={answer.data?.audit_logs} total={answer.data?.total} rowKey={(c) => c.id} list={list} loading={answer.isFetching} error={answer.error} refresh={() => void answer.refetch()} onRow={setOpen} filtered={!!list.get('by')}
        filters={<TextInput aria-label="Changed by" placeholder="Changed by" w={150} defaultValue={list.get('by')} onChange={(e) => by(e.currentTarget.value.trim())} />}
        empty={<Empty icon={IconHistory} title="No changes yet">Each change through the API or this UI is kept here, with what was before.</Empty>} />
      <Drawer opened={open !== null} onClose={() => setOpen(null)} size={720} title={<Text fw={650} size="lg" component="h2" m={0}>{open && `${thing(open.table_name)} ${called(open, names, users)} ${open.action}`}</Text>}>
        {open && (
          <Stack>
            <Text size="sm">By {whoDid(open.changed_by, users)}, {local(open.updated_at)}</Text>
            <Id value={open.object_id} width={500} />
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              {[['Before', open.before_value], ['After', open.updated_values]].map(([title, v]) => <div key={String(title)}><Text size="sm" fw={600} mb={4}>{String(title)}</Text><pre className="pre" tabIndex={0} aria-label={String(title)}>{v ? JSON.stringify(v, null, 2) : 'Nothing'}</pre></div>)}
            </SimpleGrid>
          </Stack>
        )}
      </Drawer>
    </>
  )
}
