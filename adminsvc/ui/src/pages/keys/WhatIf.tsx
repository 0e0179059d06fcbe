import { Alert, Button, Group, NumberInput, Select, Stack, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { read, send } from '../../api/client'
import type { ApiError } from '../../api/errors'
import { useModelNames } from '../../forms/ModelsInput'
import { ErrorBox } from '../../shared/ErrorBox'
import { count, money } from '../../shared/format'
import { kindName, type Limit, scopeName } from '../../shared/limit'
import { LimitTable } from '../../shared/LimitTable'
import { Panel } from '../../shared/Panel'
import { Tag } from '../../shared/Tag'

type Outcome = { allowed: boolean; status: number; error?: { message?: string } | null; model?: string; deployment?: string | null; max_output_tokens?: number | null; lowered?: boolean; max_cost?: number | null; limits?: Limit[]; trace?: { check: string; scope?: string | null; passed: boolean }[] }

/** What would become of a call with this key, by the rules that enforce; nothing changes. */
export function WhatIf({ id }: { id: string }) {
  const names = useModelNames()
  const [model, setModel] = useState<string | null>(null)
  const [input, setInput] = useState<number | ''>(1000)
  const [output, setOutput] = useState<number | ''>(500)
  const ask = useMutation<Outcome, ApiError, void>({ mutationFn: async () => (await read(await send('POST', '/policy/simulate', { body: { key: id, model, ...(input === '' ? {} : { input_tokens: input }), ...(output === '' ? {} : { max_tokens: output }) } }))) as Outcome })
  const o = ask.data
  return (
    <Stack gap="md">
      <Panel title="What would happen if" about="Decided by the same rules as a real call, with the ledger as it stands. Nothing is counted.">
        <form onSubmit={(e: FormEvent) => { e.preventDefault(); if (model) ask.mutate() }}>
          <Group align="flex-end" gap="sm">
            <Select label="It called" placeholder="Choose a model" data={names} value={model} onChange={setModel} searchable w={220} />
            <NumberInput label="Prompt, tokens" min={0} allowDecimal={false} value={input} onChange={(v) => setInput(typeof v === 'number' ? v : '')} w={140} thousandSeparator="," />
            <NumberInput label="Longest answer, tokens" min={1} allowDecimal={false} value={output} onChange={(v) => setOutput(typeof v === 'number' ? v : '')} placeholder="No cap" w={180} thousandSeparator="," />
            <Button type="submit" disabled={!model} loading={ask.isPending}>Ask</Button>
          </Group>
        </form>
        <ErrorBox error={ask.error} />
        {o && (
          <Alert mt="md" variant="light" color={o.allowed ? 'green' : 'red'} title={o.allowed ? 'It would be served' : `It would be refused with ${o.status}`}>
            <Text size="sm">{o.allowed ? <>An answer of up to {count(o.max_output_tokens)} tokens{o.lowered ? ', fewer than asked for' : ''}, for at most {money(o.max_cost)}.{o.deployment ? ` Served by the deployment ${o.deployment}.` : ''}</> : o.error?.message}</Text>
          </Alert>
        )}
        {o?.trace && <Group gap={6} mt="sm"><Text size="sm" c="dimmed">Checked in this order:</Text>{o.trace.map((t, i) => <Tag key={i} color={t.passed ? 'gray' : 'red'}>{kindName(t.check).replace(/^./, (c) => c.toUpperCase())}{t.scope ? ` · ${scopeName(t.scope)}` : ''}{t.passed ? '' : ': refuses'}</Tag>)}</Group>}
      </Panel>
      {o?.limits && <Panel title="The limits it meets" pad={false}><LimitTable rows={o.limits} asked /></Panel>}
    </Stack>
  )
}
