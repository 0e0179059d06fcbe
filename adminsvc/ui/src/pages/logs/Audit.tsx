import { Badge, Drawer, SimpleGrid, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconHistory } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { useRows } from '../../api/raw'
import type { Column } from '../../shared/column'
import { Empty } from '../../shared/Empty'
import { local } from '../../shared/format'
import { Id } from '../../shared/Id'
import { ListPage } from '../../shared/ListPage'
import { useListState } from '../../shared/useListState'
import { When } from '../../shared/When'

type Change = { id: string; updated_at: string; changed_by?: string | null; changed_by_api_key?: string | null; action: string; table_name: string; object_id: string; before_value?: unknown; updated_values?: unknown }

const colours: Record<string, string> = { created: 'green', deleted: 'red' }
const thing = (t: string) => t.replace('LiteLLM_', '').replace(/Table$/, '').replace('VerificationToken', 'Key').replaceAll(/([a-z])([A-Z])/g, '$1 $2')

/** Who changed what, before and after. */
export function Audit() {
  const list = useListState({ size: 50 })
  const [open, setOpen] = useState<Change | null>(null)
  const by = useDebouncedCallback((v: string) => list.set({ by: v }), 300)
  const answer = useRows<{ audit_logs: Change[]; total: number }>('/audit', { page: list.page, page_size: list.size, search: list.q, changed_by: list.get('by') })
  const columns = useMemo<Column<Change>[]>(() => [
    { id: 'at', title: 'When', value: (c) => c.updated_at, cell: (c) => <When at={c.updated_at} /> },
    { id: 'by', title: 'Who', value: (c) => c.changed_by, cell: (c) => c.changed_by || '–' },
    { id: 'action', title: 'Did', value: (c) => c.action, cell: (c) => <Badge color={colours[c.action] ?? 'gray'}>{c.action}</Badge> },
    { id: 'table', title: 'To', value: (c) => c.table_name, cell: (c) => thing(c.table_name) },
    { id: 'object', title: 'Id', value: (c) => c.object_id, from: 'wide', cell: (c) => <Id value={c.object_id} /> },
  ], [])
  return (
    <>
      <ListPage name="changes" columns={columns} rows={answer.data?.audit_logs} total={answer.data?.total} rowKey={(c) => c.id} list={list} loading={answer.isFetching} error={answer.error} refresh={() => void answer.refetch()} onRow={setOpen} filtered={!!list.get('by')}
        filters={<TextInput aria-label="Changed by" placeholder="Changed by" w={150} defaultValue={list.get('by')} onChange={(e) => by(e.currentTarget.value.trim())} />}
        empty={<Empty icon={IconHistory} title="No changes yet">Each change through the API or this UI is kept here, with what was before.</Empty>} />
      <Drawer opened={open !== null} onClose={() => setOpen(null)} size={720} title={<Text fw={650} size="lg" component="h2" m={0}>{open && `${thing(open.table_name)} ${open.action}`}</Text>}>
        {open && (
          <Stack>
            <Text size="sm">By {open.changed_by || 'nobody known'}, {local(open.updated_at)}</Text>
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
