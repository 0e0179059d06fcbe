import { ActionIcon, Button, Checkbox, Group, Menu, Pagination, Select, Text, TextInput, Tooltip } from '@mantine/core'
import { useDebouncedCallback, useLocalStorage } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { IconColumns3, IconDownload, IconFilter, IconRefresh, IconSearch } from '@tabler/icons-react'
import { type ReactNode, useEffect, useMemo, useState } from 'react'
import type { Column } from './column'
import { csv, download } from './csv'
import type { Told } from './everyPage'
import { DataTable } from './DataTable'
import { ErrorBox } from './ErrorBox'
import { count } from './format'
import { complain, say } from './say'
import type { ListState } from './useListState'

type Props<R> = {
  name: string // of the rows, plural: "projects"
  columns: Column<R>[]
  rows: R[] | undefined
  total: number | undefined
  capped?: boolean
  rowKey: (r: R) => string
  list: ListState
  loading: boolean
  error?: unknown
  refresh: () => void
  link?: (r: R) => string
  onRow?: (r: R) => void
  isNew?: (r: R) => boolean
  search?: string | null // its placeholder; null: no search
  filters?: ReactNode
  filtered?: boolean
  empty: ReactNode
  /** All rows for the export; default those shown. */
  exportRows?: (told: Told) => R[] | Promise<R[]>
  exports?: ReactNode
}

/** The card every list lives in: search, filters, export, columns, the table, and the pager. */
export function ListPage<R>(p: Props<R>) {
  const { list } = p
  const [q, setQ] = useState(list.q)
  const search = useDebouncedCallback((v: string) => list.set({ q: v }), 250)
  useEffect(() => setQ(list.q), [list.q])
  const [chosen, setChosen] = useLocalStorage<Record<string, boolean>>({ key: `purser.columns.${p.name}`, defaultValue: {} })
  const shown = useMemo(() => p.columns.filter((c) => chosen[c.id] ?? !c.hidden), [p.columns, chosen])
  const pages = Math.max(1, Math.ceil((p.total ?? 0) / list.size))
  // Rows may have gone since the address was written.
  const beyond = !p.loading && !!p.total && list.page > pages
  useEffect(() => { if (beyond) list.set({ page: pages === 1 ? null : pages }) }, [beyond, pages, list])
  const filtered = p.filtered || list.q !== ''
  const [folded, setFolded] = useState(!p.filtered) // on a phone
  const [exporting, setExporting] = useState(false)
  const exportAll = async () => {
    setExporting(true)
    const id = `export-${p.name}`
    let begun = false
    // Only what takes long is told of: a file of one page is there at once.
    const told: Told = (n) => {
      const show = { id, title: `Exporting ${p.name}`, message: `${count(n)} of ${count(p.total)} read`, loading: true, autoClose: false, withCloseButton: false } as const
      if (n < (p.total ?? 0)) notifications[begun ? 'update' : 'show'](show)
      begun = true
    }
    try {
      download(`${p.name}.csv`, csv(await (p.exportRows?.(told) ?? p.rows ?? []), p.columns))
      if (p.capped) say(`The file has the first ${count(p.total)}. Choose a shorter time for the rest.`)
    } catch (e) {
      complain(e)
    } finally {
      notifications.hide(id)
      setExporting(false)
    }
  }
  const first = p.total ? (Math.min(list.page, pages) - 1) * list.size + 1 : 0
  return (
    <div className="card">
      <Group p="sm" gap="xs" justify="space-between">
        <Group gap="xs" className="tools" data-folded={folded || undefined}>
          {p.search !== null && (
            <TextInput aria-label={`Search ${p.name}`} placeholder={p.search ?? `Search ${p.name}`} leftSection={<IconSearch size={16} />} value={q} w={{ base: '100%', sm: 250 }} type="search"
              onChange={(e) => { setQ(e.currentTarget.value); search(e.currentTarget.value) }} />
          )}
          {p.filters && <Button className="filters-toggle" hiddenFrom="sm" variant="default" leftSection={<IconFilter size={16} />} aria-expanded={!folded} onClick={() => setFolded(!folded)}>Filters</Button>}
          {p.filters}
        </Group>
        <Group gap={4}>
          {p.exports ?? (
            <Tooltip label="Export CSV">
              <ActionIcon variant="default" size={34} aria-label="Export CSV" disabled={!p.total} loading={exporting} onClick={() => void exportAll()}><IconDownload size={16} /></ActionIcon>
            </Tooltip>
          )}
          <Tooltip label="Refresh"><ActionIcon variant="default" size={34} aria-label="Refresh" loading={p.loading && !!p.rows} onClick={p.refresh}><IconRefresh size={16} /></ActionIcon></Tooltip>
          <Menu closeOnItemClick={false} position="bottom-end">
            <Menu.Target><ActionIcon variant="default" size={34} aria-label="Columns" visibleFrom="sm"><IconColumns3 size={16} /></ActionIcon></Menu.Target>
            <Menu.Dropdown>
              <Menu.Label>Columns</Menu.Label>
              {p.columns.map((c, i) => (
                <Menu.Item key={c.id} disabled={i === 0} onClick={() => setChosen({ ...chosen, [c.id]: !(chosen[c.id] ?? !c.hidden) })}>
                  <Checkbox size="xs" label={c.title} checked={chosen[c.id] ?? !c.hidden} readOnly tabIndex={-1} disabled={i === 0} styles={{ body: { pointerEvents: 'none' } }} />
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
        </Group>
      </Group>
      {p.error ? <div style={{ padding: 12 }}><ErrorBox error={p.error} retry={p.refresh} /></div> : (
        <DataTable label={p.name} columns={shown} rows={p.rows} rowKey={p.rowKey} loading={p.loading} list={list} link={p.link} onRow={p.onRow} isNew={p.isNew}
          empty={filtered ? <Text ta="center" py={40} c="dimmed" size="sm">No {p.name} match this search.</Text> : p.empty} />
      )}
      {!!p.total && (
        <Group p="sm" justify="space-between" gap="xs" style={{ borderTop: '1px solid var(--line)' }}>
          <Group gap="xs">
            <Select aria-label="Rows per page" size="xs" w={76} data={['25', '50', '100']} value={String(list.size)} onChange={(v) => list.set({ size: v })} allowDeselect={false} visibleFrom="sm" />
            <Text size="sm" c="dimmed">Showing {count(first)}–{count(Math.min(first + list.size - 1, p.total))} of {p.capped ? 'over ' : ''}{count(p.total)}</Text>
          </Group>
          {pages > 1 && <Pagination size="sm" total={pages} value={Math.min(list.page, pages)} onChange={(n) => list.set({ page: n === 1 ? null : n })} siblings={1} boundaries={1}
            getControlProps={(c) => ({ 'aria-label': `${c} page` })} getItemProps={(n) => ({ 'aria-label': `Page ${n}` })} />}
        </Group>
      )}
    </div>
  )
}
