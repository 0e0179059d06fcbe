import { Button, Collapse, Group, Modal, SimpleGrid, Stack, Text, Title, UnstyledButton } from '@mantine/core'
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react'
import { type FormEvent, useEffect, useState } from 'react'
import { ApiError } from '../api/errors'
import { ErrorBox } from '../shared/ErrorBox'
import { FieldInput } from './FieldInput'
import type { Section, Values } from './spec'
import { bodyOf, fieldsOf, initialValues, problems } from './values'
import { useReturnFocus } from '../shared/useReturnFocus'

type Props = {
  title: string
  action: string
  sections: Section[]
  /** The row to change; null makes a new one. */
  row: Record<string, unknown> | null
  preset?: Values
  onClose: () => void
  /** Sends the body; what it throws is shown at the field it names. */
  send: (body: Record<string, unknown>) => Promise<unknown>
}

/** A wide dialog that makes or changes something: sections of two columns, the rarer ones folded. */
export function FormModal({ title, action, sections, row, preset, onClose, send }: Props) {
  useReturnFocus()
  const editing = row !== null
  const [values, setValues] = useState<Values>(() => initialValues(sections, row, preset))
  const [errors, setErrors] = useState<Record<string, string>>({})
  const [failed, setFailed] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const shown = fieldsOf(sections, editing).filter((f) => !f.show || f.show(values))
  const set = (name: string, v: unknown) => {
    setValues((old) => ({ ...old, [name]: v }))
    setErrors(({ [name]: _, ...rest }) => rest)
  }
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    e.stopPropagation()
    const found = problems(sections, values, editing)
    setErrors(found)
    setFailed(null)
    if (Object.keys(found).length) return
    const body = bodyOf(sections, values, row)
    if (editing && !Object.keys(body).length) return onClose()
    setBusy(true)
    try {
      await send(body)
      onClose()
    } catch (x) {
      const own = new Map(shown.flatMap((f) => [f.name, ...(f.names ?? [])].map((n) => [n, f.name])))
      const at = x instanceof ApiError ? Object.entries(x.fields).filter(([n]) => own.has(n)) : []
      setErrors(Object.fromEntries(at.map(([n, m]) => [own.get(n)!, m])))
      setFailed(at.length && x instanceof ApiError && at.length === Object.keys(x.fields).length ? null : x)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={<Text fw={650} size="lg" component="h2" m={0}>{title}</Text>} size={820} padding="lg" closeOnClickOutside={false}>
      <form onSubmit={submit} noValidate>
        <Stack gap="lg">
          {sections.map((s) => {
            const fields = s.fields.filter((f) => shown.includes(f))
            return fields.length > 0 && <Part key={s.title} section={s} broken={fields.some((f) => errors[f.name])}>
              <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="md" verticalSpacing="sm">
                {fields.map((f) => (
                  <div key={f.name} style={f.full ? { gridColumn: '1 / -1' } : undefined}>
                    <FieldInput field={f} values={values} onChange={(v) => set(f.name, v)} error={errors[f.name]} first={f === shown[0]} disabled={editing && f.locked} />
                  </div>
                ))}
              </SimpleGrid>
            </Part>
          })}
          <ErrorBox error={failed} />
          <Group justify="flex-end" style={{ position: 'sticky', bottom: 0, background: 'var(--mantine-color-body)', padding: '12px 0', borderTop: '1px solid var(--line)' }}>
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={busy}>{action}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

function Part({ section, broken, children }: { section: Section; broken: boolean; children: React.ReactNode }) {
  const [open, setOpen] = useState(!section.folded)
  useEffect(() => {
    if (broken) setOpen(true)
  }, [broken])
  const head = <><Title order={3}>{section.title}</Title>{section.about && <Text size="xs" c="dimmed">{section.about}</Text>}</>
  if (!section.folded) return <section aria-label={section.title}><div style={{ marginBottom: 8 }}>{head}</div>{children}</section>
  return (
    <section aria-label={section.title}>
      <UnstyledButton aria-expanded={open} onClick={() => setOpen(!open)} w="100%" py={4}>
        <Group gap={6} wrap="nowrap" align="flex-start">{open ? <IconChevronDown size={16} style={{ marginTop: 2 }} /> : <IconChevronRight size={16} style={{ marginTop: 2 }} />}<div>{head}</div></Group>
      </UnstyledButton>
      <Collapse expanded={open} transitionDuration={0}><div style={{ paddingTop: 8 }}>{children}</div></Collapse>
    </section>
  )
}
