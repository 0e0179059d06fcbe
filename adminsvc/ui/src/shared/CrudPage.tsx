import { Button, Menu } from '@mantine/core'
import { IconEdit, IconPlus, IconTrash } from '@tabler/icons-react'
import { type ComponentType, type ReactNode, useMemo, useState } from 'react'
import { FormModal } from '../forms/FormModal'
import type { Section, Values } from '../forms/spec'
import type { Column } from './column'
import { Confirm } from './Confirm'
import { Empty } from './Empty'
import type { Told } from './everyPage'
import { ListPage } from './ListPage'
import { PageHead } from './PageHead'
import { RowMenu } from './RowMenu'
import { say } from './say'
import { useListState } from './useListState'
import { useLocalRows } from './useLocalRows'

type Props<R extends object> = {
  icon: ComponentType<{ size?: number }>
  title: string
  one: string // "budget"
  name: string // "budgets"
  about: string
  why: string // why to make the first
  columns: Column<R>[]
  rows: R[] | undefined
  /** Where the API searches, sorts and pages: rows are those of the page. */
  paged?: { total: number | undefined; all: (told: Told) => Promise<R[]> }
  answer: { isFetching: boolean; error: unknown; refetch: () => unknown }
  rowKey: (r: R) => string
  label: (r: R) => string
  text: (r: R) => string
  link?: (r: R) => string
  may: boolean
  mayRow?: (r: R) => boolean
  form: Section[]
  formRow?: (r: R) => Record<string, unknown>
  preset?: Values
  create: (body: Record<string, unknown>) => Promise<unknown>
  update: (row: R, body: Record<string, unknown>) => Promise<unknown>
  remove: (row: R) => Promise<unknown>
  doom: ReactNode // what deleting does
  more?: (r: R) => ReactNode // further items of the row's menu
  filters?: ReactNode
  keep?: (r: R) => boolean
  edited?: boolean
  footnote?: ReactNode
}

/** A list of something that the API answers whole, with its create, edit and delete. */
export function CrudPage<R extends object>(p: Props<R>) {
  const list = useListState({ sort: p.columns[0]!.id })
  const [edited, setEdited] = useState<R | null>(null)
  const [doomed, setDoomed] = useState<R | null>(null)
  const columns = useMemo<Column<R>[]>(() => [...p.columns, ...(p.may ? [{
    id: 'do', title: '', align: 'right' as const, width: 50, cell: (r: R) => (p.mayRow?.(r) ?? true) && (
      <RowMenu name={p.label(r)}>
        <Menu.Item leftSection={<IconEdit size={16} />} onClick={() => setEdited(r)}>Edit</Menu.Item>
        {p.more?.(r)}
        <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setDoomed(r)}>Delete</Menu.Item>
      </RowMenu>
    ),
  }] : [])], [p])
  const local = useLocalRows(p.paged ? undefined : p.rows, list, columns, p.text, p.keep)
  const create = p.may && <Button leftSection={<IconPlus size={16} />} onClick={() => list.set({ new: '1' })}>Create {p.one}</Button>
  return (
    <>
      <PageHead icon={p.icon} title={p.title} about={p.about}>{create}</PageHead>
      <ListPage name={p.name} columns={columns} rows={p.paged ? p.rows : p.rows && local.rows} total={p.paged ? p.paged.total : local.total} exportRows={p.paged?.all ?? (() => local.all)} rowKey={p.rowKey} list={list} loading={p.answer.isFetching} error={p.answer.error} refresh={() => void p.answer.refetch()}
        link={p.link} onRow={!p.link && p.may ? (r) => (p.mayRow?.(r) ?? true) && setEdited(r) : undefined} filters={p.filters} filtered={!!p.keep} empty={<Empty icon={p.icon} title={`No ${p.name} yet`} action={create}>{p.why}</Empty>} />
      {p.footnote}
      {list.get('new') && <FormModal title={`Create ${p.one}`} action={`Create ${p.one}`} sections={p.form} row={null} preset={p.preset} onClose={() => list.set({ new: null })} send={async (b) => { await p.create(b); say('Created.') }} />}
      {edited && <FormModal title={`Edit ${p.label(edited)}`} action="Save changes" sections={p.form} row={(p.formRow?.(edited) ?? edited) as Record<string, unknown>} onClose={() => setEdited(null)} send={async (b) => { await p.update(edited, b); say('Saved. It holds from the next call.') }} />}
      {doomed && <Confirm title={`Delete ${p.label(doomed)}?`} action="Delete" name={p.label(doomed)} onClose={() => setDoomed(null)} run={async () => { await p.remove(doomed); say(`${p.label(doomed)} is deleted.`) }}>{p.doom}</Confirm>}
    </>
  )
}
